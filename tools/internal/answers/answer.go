// Package answers reads other ways to solve a step than its solution's: patches on the
// solution, each below a few lines that say what is wrong with it, or what is done
// differently.
package answers

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Answer is what stands above the diff of a patch.
type Answer struct {
	Path     string // of the patch file
	Claim    string // the first line: what is wrong, or what is done differently
	Why      string // the paragraphs below it, without the lines that the machine reads
	Task     int    // the task that a wrong answer fails; 0 for a right one
	CaughtBy string // the test that must turn red; "" for a right answer
	Says     string // a piece of that test's message
	AlsoRed  []string
	Alone    string // why it has to be built by itself, not into a test binary with others; "" mostly
}

// trailer is a line of an answer's head that the machine reads.
var trailer = regexp.MustCompile(`^([A-Za-z]+(?:-[A-Za-z]+)?):\s*(.*)$`)

// alsoRed is the value of an Also-red trailer. It has to give its reason.
var alsoRed = regexp.MustCompile(`^(Test\w+) because \S.*$`)

// keys are the trailers that an answer can have.
var keys = []string{"Task", "Caught-by", "Says", "Also-red", "Build-alone"}

// Read reads the head of one patch file.
func Read(path string) (*Answer, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, src)
}

// Parse reads the head of a patch file. It doesn't look at the diff.
func Parse(path string, src []byte) (*Answer, error) {
	head, err := headOf(src)
	if err != nil {
		return nil, err
	}
	a := &Answer{Path: path, Claim: strings.TrimSpace(head[0])}
	if a.Claim == "" || trailer.MatchString(a.Claim) {
		return nil, errors.New("the first line must say in words what this answer is")
	}
	var why []string
	for _, line := range head[1:] {
		m := trailer.FindStringSubmatch(line)
		if m == nil || !slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, m[1]) }) {
			why = append(why, line)
			continue
		}
		if err := a.set(m[1], strings.TrimSpace(m[2])); err != nil {
			return nil, err
		}
	}
	a.Why = strings.TrimSpace(strings.Join(why, "\n"))
	return a, nil
}

// headOf is the lines above the diff.
func headOf(src []byte) ([]string, error) {
	var head []string
	for line := range strings.Lines(string(src)) {
		if strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "diff --git ") {
			if len(head) == 0 {
				return nil, errors.New("the patch has no text above its diff")
			}
			return head, nil
		}
		head = append(head, strings.TrimRight(line, "\r\n"))
	}
	return nil, errors.New("there is no diff (no line begins with \"--- \")")
}

// set takes one trailer. A known key in the wrong case is a mistake.
func (a *Answer) set(key, value string) error {
	if !slices.Contains(keys, key) {
		i := slices.IndexFunc(keys, func(k string) bool { return strings.EqualFold(k, key) })
		return fmt.Errorf("%q must be written %q", key+":", keys[i]+":")
	}
	if value == "" {
		return fmt.Errorf("%q is empty", key+":")
	}
	switch key {
	case "Task":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("%q after Task: is no task's number", value)
		}
		a.Task = n
	case "Caught-by":
		a.CaughtBy = value
	case "Says":
		a.Says = value
	case "Build-alone":
		a.Alone = value
	case "Also-red":
		m := alsoRed.FindStringSubmatch(value)
		if m == nil {
			return fmt.Errorf("%q after Also-red: must read \"TestX because …\"", value)
		}
		a.AlsoRed = append(a.AlsoRed, m[1])
	}
	return nil
}
