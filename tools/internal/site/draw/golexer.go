package draw

import (
	"go/scanner"
	"go/token"
	"strings"
)

// goTokens parts Go source into tokens, with the standard library's scanner: forty
// times as fast as chroma's regular expressions, which would take longer for the diffs
// than the rest of the site takes altogether. It takes fragments as well.
func goTokens(src string) []colored {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(src))
	var s scanner.Scanner
	s.Init(file, []byte(src), func(token.Position, string) {}, scanner.ScanComments)
	var list []colored
	at := 0
	before := token.ILLEGAL
	for {
		pos, kind, literal := s.Scan()
		if kind == token.EOF {
			return append(list, colored{text: src[at:]})
		}
		begin := file.Offset(pos)
		if kind == token.SEMICOLON && literal != ";" {
			continue // put in at the end of a line
		}
		length := len(literal)
		if literal == "" {
			length = len(kind.String())
		}
		list = append(list, colored{text: src[at:begin]})
		at = begin + length
		if before == token.RPAREN && !strings.HasPrefix(src[at:], "(") {
			before = token.ILLEGAL // a result, not a method's name
		}
		list = append(list, colored{goClass(kind, literal, before), src[begin:at]})
		if kind != token.COMMENT {
			before = declares(before, kind)
		}
	}
}

// declares tells what the next name is: FUNC and TYPE stay until a name comes, a
// receiver being passed over.
func declares(before, kind token.Token) token.Token {
	switch {
	case kind == token.FUNC || kind == token.TYPE:
		return kind
	case before == token.FUNC && kind == token.LPAREN:
		return token.LPAREN // of the receiver, or of a function without a name
	case before == token.LPAREN && kind == token.RPAREN:
		return token.RPAREN // a name may follow
	case before == token.LPAREN:
		return before
	}
	return token.ILLEGAL
}

func goClass(kind token.Token, literal string, before token.Token) string {
	switch {
	case kind == token.COMMENT:
		return comment
	case kind == token.STRING || kind == token.CHAR:
		return quoted
	case kind.IsLiteral() && kind != token.IDENT:
		return number
	case kind.IsKeyword():
		return keyword
	case kind != token.IDENT:
		return ""
	case before == token.FUNC, before == token.TYPE, before == token.RPAREN:
		return name
	}
	return predeclared[literal]
}

// predeclared are the names that Go knows without an import.
var predeclared = map[string]string{
	"any": builtin, "bool": builtin, "byte": builtin, "comparable": builtin, "error": builtin, "float32": builtin, "float64": builtin,
	"int": builtin, "int8": builtin, "int16": builtin, "int32": builtin, "int64": builtin, "rune": builtin, "string": builtin,
	"uint": builtin, "uint8": builtin, "uint16": builtin, "uint32": builtin, "uint64": builtin, "uintptr": builtin,
	"append": builtin, "cap": builtin, "clear": builtin, "close": builtin, "copy": builtin, "delete": builtin, "len": builtin,
	"make": builtin, "max": builtin, "min": builtin, "new": builtin, "panic": builtin, "recover": builtin,
	"true": number, "false": number, "nil": number, "iota": number,
}
