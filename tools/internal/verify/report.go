package verify

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Outcome is how a job ended.
type Outcome string

const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Verdict is what one job came to.
type Verdict struct {
	Check    string   `json:"check"`
	Subject  string   `json:"subject,omitempty"` // the step, module or patch; "" for the whole course
	Outcome  Outcome  `json:"outcome"`
	Seconds  float64  `json:"seconds"`
	Reason   string   `json:"reason,omitempty"`   // why it was skipped
	Note     string   `json:"note,omitempty"`     // what was measured, where that is of interest
	Findings []string `json:"findings,omitempty"` // why it failed, each "file: what is wrong"

	// Unchecked is what it couldn't look at for want of a program, each with the command
	// that installs it.
	Unchecked []string `json:"unchecked,omitempty"`
}

// Name is the check with its subject.
func (v Verdict) Name() string {
	if v.Subject == "" {
		return v.Check
	}
	return v.Check + " " + v.Subject
}

// Report is all verdicts of a run, in the order of the checks.
type Report struct {
	Verdicts []Verdict `json:"verdicts"`
	Passed   int       `json:"passed"`
	Failed   int       `json:"failed"`
	Skipped  int       `json:"skipped"`
	Seconds  float64   `json:"seconds"`
	Redis    string    `json:"redis,omitempty"` // what the tests ran on; "" when none ran
	Nginx    string    `json:"nginx,omitempty"` // the same

	// AgainstWrong is which tests ran against wrong answers; "" when none did.
	AgainstWrong string `json:"against_wrong,omitempty"`
}

func newReport(verdicts []Verdict, took time.Duration) *Report {
	r := &Report{Seconds: took.Seconds()}
	for _, v := range verdicts {
		switch v.Outcome {
		case Passed:
			r.Passed++
		case Failed:
			r.Failed++
		case Skipped:
			r.Skipped++
		default: // interrupted before its verdict
			continue
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

// Unreadable is the report on a course that can't be opened, with the reason.
func Unreadable(err error) *Report {
	return newReport([]Verdict{{Check: "front-matter", Outcome: Failed, Findings: []string{err.Error()}}}, 0)
}

// WriteFailures writes every failed job with all that it found.
func (r *Report) WriteFailures(w io.Writer) {
	for _, v := range r.Verdicts {
		if v.Outcome != Failed {
			continue
		}
		fmt.Fprintf(w, "\nFAILED %s\n", v.Name())
		for _, finding := range v.Findings {
			fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(finding, "\n", "\n    "))
		}
	}
}

// WriteUnchecked writes a line on each thing that nobody looked at, for want of a program.
func (r *Report) WriteUnchecked(w io.Writer) {
	for _, v := range r.Verdicts {
		for _, reason := range v.Unchecked {
			fmt.Fprintf(w, "Skipped by %s: %s\n", v.Name(), reason)
		}
	}
}

// Summary is the closing line: "31 passed, 0 failed", and how many were skipped.
func (r *Report) Summary() string {
	s := fmt.Sprintf("%d passed, %d failed", r.Passed, r.Failed)
	if r.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", r.Skipped)
	}
	return s
}

// findings are what a job collects on its way to a verdict.
type findings struct {
	root string
	list []string
	skip string
	note string

	unchecked []string
}

// add records that something is wrong in a file or folder, the root being all of them.
func (f *findings) add(path, format string, args ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	if where := relative(f.root, path); where != "." {
		text = where + ": " + text
	}
	f.list = append(f.list, text)
}

// skipped records that the check couldn't be made, and why. Findings outweigh it.
func (f *findings) skipped(format string, args ...any) { f.skip = fmt.Sprintf(format, args...) }

func (f *findings) verdict(check, subject string, took time.Duration) Verdict {
	v := Verdict{Check: check, Subject: subject, Outcome: Passed, Seconds: took.Seconds(), Note: f.note, Unchecked: f.unchecked}
	switch {
	case len(f.list) > 0:
		v.Outcome, v.Findings = Failed, f.list
	case f.skip != "":
		v.Outcome, v.Reason = Skipped, f.skip
	}
	return v
}
