package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The exit codes, which the help of the root command documents.
const (
	exitFine        = 0
	exitRed         = 1   // tests are red
	exitUsage       = 2   // the command was called wrongly
	exitMachine     = 3   // the machine or the course lacks something
	exitInterrupted = 130 // Ctrl-C, as shells count it
)

// problem is an error for the person at the keyboard: what happened, why, and the
// command to run next.
type problem struct {
	what string
	why  error  // nil when what says it all
	next string // a command, or a sentence that ends in one
	code int    // exitMachine when zero
}

// Error joins all three on lines of their own.
func (p *problem) Error() string {
	var b strings.Builder
	b.WriteString(p.what)
	if p.why != nil {
		fmt.Fprintf(&b, ": %v", p.why)
	}
	if p.next != "" {
		fmt.Fprintf(&b, "\n  next: %s", p.next)
	}
	return b.String()
}

func (p *problem) Unwrap() error { return p.why }

// usage is a problem in how the command was called.
func usage(err error, next string) *problem {
	return &problem{what: err.Error(), next: next, code: exitUsage}
}

// machineProblem says that the machine lacks something, unless it was Ctrl-C.
func machineProblem(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &problem{what: what, why: err, next: "go tool workshop doctor"}
}

// errRed ends a command whose tests are red, after it has printed them.
var errRed = errors.New("tests are red")

// exitCode is the code that main exits with for what a command returned.
func exitCode(err error) int {
	var p *problem
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errRed):
		return exitRed
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &p) && p.code != 0:
		return p.code
	}
	return exitMachine
}
