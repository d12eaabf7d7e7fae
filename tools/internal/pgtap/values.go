package pgtap

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"
)

// The types whose binary form the tap can read, by their object id:
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const (
	typeBool    = 16
	typeName    = 19
	typeInt8    = 20
	typeInt2    = 21
	typeInt4    = 23
	typeText    = 25
	typeJSON    = 114
	typeFloat4  = 700
	typeFloat8  = 701
	typeBPChar  = 1042
	typeVarchar = 1043
)

// maxArg is how many bytes of an argument the log keeps.
const maxArg = 4 << 10

// maxParam is how many bytes of a parameter are kept as they were sent.
const maxParam = 1 << 20

// arguments are the values of a Bind message: to be read, and as they were sent.
type arguments struct {
	text   []string
	params []Param
}

// readArguments reads the values from a Bind message, which f stands before the formats of.
func readArguments(f *fields, types []int) arguments {
	formats := make([]int, f.int16())
	for i := range formats {
		formats[i] = f.int16()
	}
	n := f.int16()
	args := arguments{text: make([]string, n), params: make([]Param, n)}
	for i := range n {
		length := f.int32()
		if length < 0 {
			args.text[i], args.params[i] = "NULL", Param{Null: true}
			continue
		}
		value, format := f.take(length), at(formats, i, len(formats) == 1)
		args.text[i] = argument(value, format, at(types, i, false))
		args.params[i] = param(value, format)
	}
	return args
}

func param(value []byte, format int) Param {
	if len(value) > maxParam {
		return Param{Lost: true}
	}
	return Param{Value: string(value), Binary: format != 0}
}

// at returns the i-th of values, or 0 when there is none; a sole one may stand for all.
func at(values []int, i int, sole bool) int {
	if sole {
		i = 0
	}
	if i >= len(values) {
		return 0
	}
	return values[i]
}

func argument(value []byte, format, typ int) string {
	if format == 0 {
		return short(value)
	}
	switch {
	case typ == typeBool && len(value) == 1:
		return strconv.FormatBool(value[0] != 0)
	case typ == typeInt2 && len(value) == 2:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(value))))
	case typ == typeInt4 && len(value) == 4:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(value))))
	case typ == typeInt8 && len(value) == 8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(value)), 10)
	case typ == typeFloat4 && len(value) == 4:
		return strconv.FormatFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(value))), 'g', -1, 32)
	case typ == typeFloat8 && len(value) == 8:
		return strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(value)), 'g', -1, 64)
	case typ == typeText, typ == typeVarchar, typ == typeBPChar, typ == typeName, typ == typeJSON:
		return short(value)
	}
	return short([]byte(`\x` + hex.EncodeToString(value[:min(len(value), maxArg)])))
}

// short returns the value as text, cut to maxArg bytes at the end of a character.
func short(value []byte) string {
	if len(value) <= maxArg {
		return string(value)
	}
	end := maxArg
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	return string(value[:end]) + "…"
}
