package verify

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
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

// Result is what one job came to.
type Result struct {
	Check    string   `json:"check"`
	Subject  string   `json:"subject,omitempty"` // the step, module or patch; "" for the whole course
	Outcome  Outcome  `json:"outcome"`
	Seconds  float64  `json:"seconds"`
	CPU      float64  `json:"cpu_seconds"`        // of what it started, PostgreSQL aside
	Reason   string   `json:"reason,omitempty"`   // why it was skipped
	Note     string   `json:"note,omitempty"`     // what was measured, where that is of interest
	Findings []string `json:"findings,omitempty"` // why it failed, each "file: what is wrong"

	// Remembered says that it wasn't run: nothing that it reads has changed since it passed.
	Remembered bool `json:"remembered,omitempty"`
	// Alone is why an answer wasn't built together with others; "" when it was, and for
	// what is no answer.
	Alone string `json:"alone,omitempty"`

	// Again is the command that looks at a failed answer once more.
	Again string `json:"again,omitempty"`

	// Unchecked is what it couldn't look at for want of a program, each with the command
	// that installs it.
	Unchecked []string `json:"unchecked,omitempty"`
}

// Name is the check with its subject.
func (v Result) Name() string {
	if v.Subject == "" {
		return v.Check
	}
	return v.Check + " " + v.Subject
}

// Report is all results of a run, in the order of the checks.
type Report struct {
	Results []Result `json:"results"`
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Skipped int      `json:"skipped"`
	Seconds float64  `json:"seconds"`
	Redis   string   `json:"redis,omitempty"` // what the tests ran on; "" when none ran
	Nginx   string   `json:"nginx,omitempty"` // the same

	Remembered int     `json:"remembered"`          // of those that passed
	Bundles    int     `json:"bundles"`             // test binaries with several answers
	BundlesCPU float64 `json:"bundles_cpu_seconds"` // that building them took

	ThrownAway []string `json:"thrown_away,omitempty"` // damaged proofs: what they were of
	Forgot     string   `json:"forgot,omitempty"`      // why something that passed isn't remembered

	// AgainstWrong is which tests ran against wrong answers; "" when none did.
	AgainstWrong string `json:"against_wrong,omitempty"`
	// AgainstRight is the same for other right answers.
	AgainstRight string `json:"against_right,omitempty"`
}

func newReport(results []Result, took time.Duration) *Report {
	r := &Report{Seconds: took.Seconds()}
	for _, v := range results {
		switch v.Outcome {
		case Passed:
			r.Passed++
			if v.Remembered {
				r.Remembered++
			}
		case Failed:
			r.Failed++
		case Skipped:
			r.Skipped++
		default: // interrupted before its verdict
			continue
		}
		r.Results = append(r.Results, v)
	}
	return r
}

// Unreadable is the report on a course that can't be opened, with the reason.
func Unreadable(err error) *Report {
	return newReport([]Result{{Check: "front-matter", Outcome: Failed, Findings: []string{err.Error()}}}, 0)
}

// WriteFailures writes every failed job with all that it found.
func (r *Report) WriteFailures(w io.Writer) {
	for _, v := range r.Results {
		if v.Outcome != Failed {
			continue
		}
		fmt.Fprintf(w, "\nFAILED %s\n", v.Name())
		for _, finding := range v.Findings {
			fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(finding, "\n", "\n    "))
		}
		if v.Again != "" {
			fmt.Fprintf(w, "  See it again: %s\n", v.Again)
		}
	}
}

// WriteUnchecked writes a line on each thing that nobody looked at, for want of a program.
func (r *Report) WriteUnchecked(w io.Writer) {
	for _, v := range r.Results {
		for _, reason := range v.Unchecked {
			fmt.Fprintf(w, "Skipped by %s: %s\n", v.Name(), reason)
		}
	}
}

// WriteHow writes how the results came about: what was remembered, which answers were
// built alone and why, and where the time went.
func (r *Report) WriteHow(w io.Writer) {
	for _, of := range r.ThrownAway {
		fmt.Fprintf(w, "What was remembered of %s was damaged: thrown away\n", of)
	}
	if r.Forgot != "" {
		fmt.Fprintf(w, "Not all that passed is remembered: %s\n", r.Forgot)
	}
	if r.Remembered > 0 {
		fmt.Fprintf(w, "Remembered: %d of %d, since nothing that they read has changed; --fresh runs all\n", r.Remembered, len(r.Results))
	}
	r.writeAlone(w)
	r.writeTimes(w)
}

// writeAlone counts the answers that weren't built with others, by the reason.
func (r *Report) writeAlone(w io.Writer) {
	reasons := map[string][]string{}
	for _, v := range r.Results {
		if v.Alone != "" {
			reasons[v.Alone] = append(reasons[v.Alone], v.Subject)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		of := reasons[reason]
		few := strings.Join(of[:min(len(of), 3)], ", ")
		if more := len(of) - 3; more > 0 {
			few += fmt.Sprintf(" and %d more", more)
		}
		fmt.Fprintf(w, "Built alone: %s: %s\n", few, reason)
	}
}

// slowest is how many jobs are named for their length.
const slowest = 5

// writeTimes writes a line on each check that took a second or more, and the longest jobs.
func (r *Report) writeTimes(w io.Writer) {
	type sum struct {
		jobs      int
		wall, cpu float64
	}
	sums := map[string]sum{}
	var ran []Result
	var names []string
	for _, v := range r.Results {
		if v.Remembered {
			continue
		}
		s := sums[v.Check]
		if s.jobs == 0 {
			names = append(names, v.Check)
		}
		sums[v.Check] = sum{s.jobs + 1, s.wall + v.Seconds, s.cpu + v.CPU}
		ran = append(ran, v)
	}
	fmt.Fprintf(w, "\n%-15s %5s %8s %8s\n", "check", "ran", "wall s", "CPU s")
	for _, name := range names {
		if s := sums[name]; s.wall >= 1 || s.cpu >= 1 {
			fmt.Fprintf(w, "%-15s %5d %8.0f %8.0f\n", name, s.jobs, s.wall, s.cpu)
		}
	}
	if r.Bundles > 0 {
		fmt.Fprintf(w, "%-15s %5d %8s %8.0f   test binaries with several answers each\n", "(bundles)", r.Bundles, "", r.BundlesCPU)
	}
	slices.SortStableFunc(ran, func(a, b Result) int { return cmp.Compare(b.Seconds, a.Seconds) })
	var longest []string
	for _, v := range ran[:min(len(ran), slowest)] {
		longest = append(longest, fmt.Sprintf("%s %.0f s", v.Name(), v.Seconds))
	}
	fmt.Fprintf(w, "%-15s %14.0f            PostgreSQL's processor time is in none of them\n", "all, by clock", r.Seconds)
	fmt.Fprintf(w, "The longest: %s\n\n", strings.Join(longest, ", "))
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

	passing bool   // a test was skipped: green here and now, and not to be remembered
	alone   string // why an answer was built by itself

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

func (f *findings) result(check, subject string, took time.Duration) Result {
	v := Result{Check: check, Subject: subject, Outcome: Passed, Seconds: took.Seconds(), Note: f.note, Alone: f.alone, Unchecked: f.unchecked}
	switch {
	case len(f.list) > 0:
		v.Outcome, v.Findings = Failed, f.list
	case f.skip != "":
		v.Outcome, v.Reason = Skipped, f.skip
	}
	return v
}
