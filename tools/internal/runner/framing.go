package runner

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// marker (^V) stands before each line that the package testing itself prints with
// -test.v=test2json, wherever the output before it ended.
const marker = 0x16

// framing makes events of what a test program prints with -test.v=test2json, as
// cmd/test2json does. A line without the marker is always output: what the API prints
// can't look like a verdict.
type framing struct {
	pkg  string
	take func(event)

	test    string  // that output belongs to; "" for the package's own
	reports []event // tests that ended; what follows may still be theirs, such as a panic's trace
}

// longestLine is how much of a line is taken at once, in bytes.
const longestLine = 4096

// read takes what the program prints until it ends.
func (f *framing) read(r io.Reader) {
	in := bufio.NewReaderSize(r, longestLine)
	for {
		chunk, err := in.ReadSlice('\n')
		for len(chunk) > 0 {
			end := len(chunk)
			if next := bytes.IndexByte(chunk[1:], marker); next >= 0 {
				end = next + 1
			}
			f.part(chunk[:end])
			chunk = chunk[end:]
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			f.flush(0)
			return
		}
	}
}

// part takes a line, or a part of one.
func (f *framing) part(text []byte) {
	if text[0] != marker || !f.frame(string(text[1:])) {
		f.output(string(bytes.TrimPrefix(text, []byte{marker})))
	}
}

func (f *framing) output(text string) {
	f.take(event{Action: "output", Package: f.pkg, Test: f.test, Output: text})
}

// frame takes a line of the package testing, and reports whether it was one.
func (f *framing) frame(line string) bool {
	unindented := strings.TrimLeft(line, " ")
	switch {
	case strings.HasPrefix(line, "=== "):
		return f.update(line)
	case strings.HasPrefix(unindented, "--- "):
		return f.report(line, unindented, (len(line)-len(unindented))/len("    "))
	case line == "PASS\n" || line == "FAIL\n":
		f.flush(0)
		f.output(line)
		return true
	}
	return false
}

// update takes a line such as "=== RUN   TestName".
func (f *framing) update(line string) bool {
	action, rest, _ := strings.Cut(strings.TrimPrefix(line, "=== "), " ")
	e := event{Action: strings.ToLower(strings.TrimSpace(action)), Package: f.pkg, Test: strings.TrimSpace(rest)}
	switch e.Action {
	case "attr":
		var attribute string
		e.Test, attribute, _ = strings.Cut(e.Test, " ")
		e.Key, e.Value, _ = strings.Cut(attribute, " ")
	case "artifacts":
		e.Test, _, _ = strings.Cut(e.Test, " ")
	case "run", "pause", "cont", "name":
	default:
		return false
	}
	f.flush(0)
	f.test = e.Test
	if e.Action != "name" {
		f.take(e)
		f.output(line)
	}
	return true
}

// report takes a line such as "--- FAIL: TestName (0.31s)" at a depth of subtests.
func (f *framing) report(line, unindented string, depth int) bool {
	status, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimRight(unindented, "\r\n"), "--- "), ": ")
	if !ok || depth > len(f.reports) {
		return false
	}
	name, elapsed, _ := strings.Cut(rest, " (")
	e := event{Action: strings.ToLower(status), Package: f.pkg, Test: name}
	e.Elapsed, _ = strconv.ParseFloat(strings.TrimSuffix(elapsed, "s)"), 64)
	f.flush(depth)
	f.test = name
	f.reports = append(f.reports, e)
	f.output(line)
	return true
}

// flush tells of the tests that ended below a depth of subtests: no output of theirs
// follows any more.
func (f *framing) flush(depth int) {
	f.test = ""
	for len(f.reports) > depth {
		last := f.reports[len(f.reports)-1]
		f.reports = f.reports[:len(f.reports)-1]
		f.take(last)
	}
}
