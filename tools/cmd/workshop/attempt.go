package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/services/postgres"
)

// attempt runs a step's tests and remembers what came of it.
func (e *env) attempt(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
	if err := e.checkFolder(o); err != nil {
		return nil, err
	}
	result, err := e.runTests(ctx, o, onTest)
	if err != nil {
		return nil, machineProblem(ctx, "can't run the tests", err)
	}
	if state, err := e.Progress(); err == nil && !o.Solution {
		learner.Remember(state, o.Step, result)
		e.save(state)
	}
	return result, nil
}

func (e *env) checkFolder(o runner.Options) error {
	var missing *learner.MissingFolderError
	if errors.As(learner.CheckFolder(o), &missing) {
		return &cli.Problem{What: "there is no folder " + relative(e.cwd, missing.Dir), Next: missing.Next}
	}
	return nil
}

// save keeps the learner's place, and says so once when that isn't possible: a folder
// that can't be written to stops nobody.
func (e *env) save(state *progress.State) {
	if err := state.Save(); err != nil && !e.saveFailed {
		e.saveFailed = true
		fmt.Fprintf(e.stderr, "workshop: your place isn't remembered: %v\n  next: go tool workshop doctor\n", err)
	}
}

// startPostgres holds on to the shared PostgreSQL, and says what a slow start does.
func startPostgres(ctx context.Context, say func(string)) (stop func(), err error) {
	stop, err = learner.StartNeeds(ctx, say)
	if err != nil {
		var missing *postgres.NotFoundError
		if ctx.Err() == nil && errors.As(err, &missing) {
			return nil, &cli.Problem{What: err.Error()} // it says itself what helps
		}
		return nil, machineProblem(ctx, "can't start PostgreSQL", err)
	}
	return stop, nil
}

// machineProblem says that the machine lacks something, unless it was Ctrl-C.
func machineProblem(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &cli.Problem{What: what, Why: err, Next: "go tool workshop doctor"}
}
