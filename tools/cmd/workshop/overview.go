package main

import (
	"context"
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/services/postgres"
	"example.com/boxoffice/tools/internal/terminal"
)

// overview is the command without a subcommand: where the learner stands, the state of their
// step, and what to do next. On a terminal it goes on as watch.
func (e *env) overview(ctx context.Context) error {
	step, err := e.Step("")
	if err != nil {
		return err
	}
	if err := e.checkGo(); err != nil {
		return err
	}
	state, err := e.Progress()
	if err != nil {
		return err
	}
	if !state.Greeted {
		if err := e.firstRun(ctx, step); err != nil {
			return err
		}
		state.Greeted = true
		e.save(state)
	}
	if e.Interactive() {
		return e.watch(ctx, step)
	}
	b, err := e.runBoard(ctx, step, testFlags{})
	if err != nil {
		return err
	}
	fmt.Fprint(e.stdout, b)
	return nil
}

// checkGo compares the Go that built this command with what go.work asks for.
func (e *env) checkGo() error {
	src, err := os.ReadFile(filepath.Join(e.course.Root, "go.work"))
	if err != nil {
		return &cli.Problem{What: "can't read go.work", Why: err, Next: "git checkout -- go.work"}
	}
	for line := range strings.Lines(string(src)) {
		want, ok := strings.CutPrefix(strings.TrimSpace(line), "go ")
		if ok && version.Compare(runtime.Version(), "go"+strings.TrimSpace(want)) < 0 {
			return &cli.Problem{What: fmt.Sprintf("the course needs Go %s, and this is %s", want, runtime.Version()),
				Next: "install it from https://go.dev/dl/ and open a new terminal"}
		}
	}
	return nil
}

// firstRun says what happens before anything else does, and then compiles, which takes
// long the first time.
func (e *env) firstRun(ctx context.Context, s *course.Step) error {
	st := e.style()
	fmt.Fprintf(e.stdout, "%s\n\n%s\n\n", st.Paint(terminal.Bold, "Welcome to Boxoffice."), st.Wrap(
		"This first run gets the course ready: Go downloads and compiles what the steps use, which takes a minute or so. "+
			"Later runs take seconds. "+postgresOutlook(e.getenv), 0))
	ticker := e.newTicker()
	defer ticker.Stop()
	ticker.Start("compiling")
	err := runner.Compile(ctx, s, firstRunLines(ticker))
	if err != nil && ctx.Err() == nil {
		return &cli.Problem{What: "can't compile the course", Why: err, Next: "go tool workshop doctor"}
	}
	return err
}

// postgresOutlook says where PostgreSQL will come from.
func postgresOutlook(getenv func(string) string) string {
	if getenv("WORKSHOP_DATABASE_URL") != "" {
		return "PostgreSQL is the one of WORKSHOP_DATABASE_URL."
	}
	if dir, _, err := postgres.Find(); err == nil && dir != "" {
		return "PostgreSQL is here, in " + dir + "; the workshop runs a private one of it."
	}
	return "No PostgreSQL was found here, so a private one is downloaded, for the workshop alone."
}

// firstRunLines passes on what go does: all of it to a line that moves, and otherwise
// downloads and every fiftieth package, so that a log stays short.
func firstRunLines(t *terminal.Ticker) func(string) {
	compiled := 0
	return func(line string) {
		if pkg, ok := strings.CutPrefix(line, "compiled "); ok {
			compiled++
			line = fmt.Sprintf("%s, now %s", count(compiled, "package", "packages"), pkg)
			if !t.Moves() && compiled%50 != 0 {
				return
			}
		}
		t.Say(line)
	}
}
