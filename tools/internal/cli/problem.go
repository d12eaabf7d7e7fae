// Package cli is what the workshop's commands have in common: errors that say what to run
// next, and exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// The exit codes, which the help of the command workshop documents.
const (
	ExitFine        = 0
	ExitRed         = 1   // tests are red, or a check found something
	ExitUsage       = 2   // the command was called wrongly
	ExitMachine     = 3   // the machine or the course lacks something
	ExitInterrupted = 130 // Ctrl-C, as shells count it
)

// Problem is an error for the person at the keyboard: what happened, why, and the
// command to run next.
type Problem struct {
	What string
	Why  error  // nil when What says it all
	Next string // a command, or a sentence that ends in one
	Code int    // ExitMachine when zero
}

// Error joins all three on lines of their own.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.What)
	if p.Why != nil {
		fmt.Fprintf(&b, ": %v", p.Why)
	}
	if p.Next != "" {
		fmt.Fprintf(&b, "\n  next: %s", p.Next)
	}
	return b.String()
}

func (p *Problem) Unwrap() error { return p.Why }

// Usage is a problem in how the command was called.
func Usage(err error, next string) *Problem {
	return &Problem{What: err.Error(), Next: next, Code: ExitUsage}
}

// ErrRed ends a command whose tests are red, after it has printed them.
var ErrRed = errors.New("tests are red")

// ExitCode is the code that a program exits with for what a command returned.
func ExitCode(err error) int {
	var p *Problem
	switch {
	case err == nil:
		return ExitFine
	case errors.Is(err, ErrRed):
		return ExitRed
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &p) && p.Code != 0:
		return p.Code
	}
	return ExitMachine
}

// Print prints what a command returned, unless it has said it already.
func Print(w io.Writer, err error) {
	switch {
	case err == nil || errors.Is(err, ErrRed):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "workshop: interrupted; nothing was lost")
	default:
		fmt.Fprintf(w, "workshop: %v\n", err)
	}
}

// OpenCourse is the course around a folder.
func OpenCourse(dir string) (*course.Course, error) {
	c, err := course.Open(dir)
	if errors.Is(err, course.ErrNoCourse) {
		return nil, &Problem{What: "this folder is not inside the workshop", Why: err,
			Next: "cd into the folder that you cloned (it holds go.work), then: go tool workshop"}
	}
	if err != nil {
		return nil, &Problem{What: "can't read the course", Why: err, Next: "git status"}
	}
	return c, nil
}

// WorkingFolder is the folder that the command runs in.
func WorkingFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", &Problem{What: "can't find the working folder", Why: err, Next: "cd into the clone"}
	}
	return dir, nil
}
