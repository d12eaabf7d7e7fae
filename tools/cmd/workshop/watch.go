package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/board"
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/filewatch"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/terminal"
)

func newWatchCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "watch [STEP]",
		Short: "Run a step's tests whenever you save",
		Long: `Run the tests of a step now and whenever you save one of its files. A newer save ends the
run before it. It stays at the step until you say otherwise.

  h  one more hint     a  all failures whole     r  run again
  n  next step         q  quit

With --plain it appends instead of redrawing, and Ctrl-C ends it. Without a terminal it runs
once, as "test" does. WORKSHOP_POLL=1 looks for saved files instead of waiting for events,
for file systems that don't tell.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			if _, ok := terminal.Descriptor(e.stdout); !ok {
				return e.test(cmd.Context(), step, testFlags{})
			}
			return e.watch(cmd.Context(), step)
		},
	}
}

// watch starts what the tests need and watches until it is ended.
func (e *env) watch(ctx context.Context, s *course.Step) (err error) {
	c, err := e.Course()
	if err != nil {
		return err
	}
	state, err := e.Progress()
	if err != nil {
		return err
	}
	ticker := e.newTicker()
	stop, err := e.startNeeds(ctx, ticker.Say)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watch{env: e, course: c, state: state, step: s, ticker: ticker, crashed: make(chan any, 1)}
	w.follow = func(ctx context.Context, s *course.Step) <-chan struct{} {
		return filewatch.Watch(ctx, s.Dir, filewatch.Options{Poll: polls(e.getenv("WORKSHOP_POLL")), Notice: w.announce})
	}
	keys := make(chan rune)
	if e.Interactive() {
		restore, err := terminal.Raw(e.stdin)
		if err != nil {
			return &cli.Problem{What: "can't read keys from the terminal", Why: err, Next: "go tool workshop watch --plain"}
		}
		defer restore()
		defer func() { e.stdout, e.stderr = asIs(e.stdout), asIs(e.stderr) }()
		e.stdout, e.stderr = terminal.RawWriter{Out: e.stdout}, terminal.RawWriter{Out: e.stderr}
		w.ticker.Out, w.keyed = e.stderr, true
		w.spawn(func() { terminal.ReadKeys(e.stdin, keys) })
	}
	return w.loop(ctx, keys)
}

func asIs(w io.Writer) io.Writer {
	if raw, ok := w.(terminal.RawWriter); ok {
		return raw.Out
	}
	return w
}

func polls(value string) bool { return value != "" && value != "0" }

// watch is one learner at one step. Everything that happens to it comes through loop,
// one thing at a time.
type watch struct {
	env    *env
	course *course.Course
	state  *progress.State
	step   *course.Step
	ticker *terminal.Ticker
	keyed  bool // somebody can press keys
	follow func(context.Context, *course.Step) <-chan struct{}

	runs    *learner.Runs
	crashed chan any // what the reading of keys panicked with

	result  *runner.Result // of the run that goes on, as far as that has come; else of the one before
	tested  []runner.Test  // that ended in the run that goes on
	last    *runner.Result // of the last run that came to its end and compiled
	failure error          // why there is no result
	all     bool           // show every failure whole
	below   string         // a hint, or an answer to a key
	leaving bool           // n was pressed once at a step that isn't green
	notice  string         // how saves are noticed, when that isn't by events
	notices chan string
}

// announce takes a notice from the goroutine that looks for saves.
func (w *watch) announce(line string) {
	select {
	case w.notices <- line:
	default:
	}
}

// spawn runs a goroutine whose panic ends the loop, which puts the terminal back.
func (w *watch) spawn(do func()) {
	go func() {
		defer func() {
			if p := recover(); p != nil {
				w.crashed <- p
			}
		}()
		do()
	}()
}

// loop runs the tests now and after each save, and answers keys, until q is pressed or
// ctx ends. No run goes on when it returns.
func (w *watch) loop(ctx context.Context, keys <-chan rune) error {
	w.notices = make(chan string, 4)
	w.runs = learner.NewRuns(w.env.runTests)
	w.runs.Began = w.began
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // ends the watching of every step that was followed
	saved := w.follow(ctx, w.step)
	defer w.ticker.Stop()
	defer w.runs.Stop()
	w.run(ctx)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case p := <-w.crashed:
			panic(p)
		case w.notice = <-w.notices:
			if !w.runs.Going() {
				w.draw()
			}
		case _, ok := <-saved:
			if !ok {
				saved = nil
				continue
			}
			w.run(ctx)
		case test := <-w.runs.Heard():
			w.hear(test)
		case saying := <-w.runs.Said():
			if saying.Waiting {
				w.ticker.Wait(saying.Text)
			} else {
				w.ticker.Say(saying.Text)
			}
		case end := <-w.runs.Ended():
			w.finish(ctx, end)
		case key, ok := <-keys:
			if !ok {
				keys = nil // stdin ended: saves still count
				continue
			}
			before := w.step
			if err := w.press(ctx, key); err != nil {
				return ignoreQuit(err)
			}
			if w.step != before {
				saved = w.follow(ctx, w.step)
				w.run(ctx)
			}
		}
	}
}

var errQuit = errors.New("quit")

func ignoreQuit(err error) error {
	if errors.Is(err, errQuit) {
		return nil
	}
	return err
}

// run starts the tests, once a run that goes on is stopped.
func (w *watch) run(ctx context.Context) {
	w.runs.Start(ctx, runner.Options{Step: w.step, First: learner.First(w.step, w.state, w.last)})
}

// hear shows a test that ended: from the first one on, what stands there is of the run that
// goes on.
func (w *watch) hear(t runner.Test) {
	if w.runs.Replaced() {
		return
	}
	w.ticker.Count(t.Status == runner.Passed)
	w.tested = append(w.tested, t)
	if !w.keyed {
		w.ticker.Print(board.TestLine(w.env.style(), w.step, t))
		return
	}
	if soFar, err := runner.SoFar(w.step, slices.Clone(w.tested)); err == nil {
		if len(w.tested) == 1 {
			w.failure, w.all, w.below = nil, false, ""
		}
		w.result = soFar
		w.draw()
	}
}

// began shows that a run goes on.
func (w *watch) began(o runner.Options) {
	w.leaving, w.tested = false, nil
	if w.result != nil {
		w.draw() // what stands there is of the run before, and says so
	}
	w.ticker.Start("testing " + o.Step.Name)
}

// finish takes a result, unless a newer run replaces it.
func (w *watch) finish(ctx context.Context, end learner.Outcome) {
	w.ticker.Stop()
	if !w.runs.Finish(end) || ctx.Err() != nil {
		return
	}
	if len(w.tested) == 0 || !w.keyed {
		w.all, w.below = false, ""
	}
	w.result, w.failure, w.tested = end.Result, end.Err, nil
	if end.Err == nil {
		if end.Result.Build == "" {
			w.last = end.Result
		}
		learner.Remember(w.state, w.step, end.Result)
		w.env.save(w.state)
	}
	w.draw()
}

// press answers a key.
func (w *watch) press(ctx context.Context, key rune) error {
	if key != 'n' {
		w.leaving = false
	}
	switch key {
	case 'q', terminal.KeyEnd:
		return errQuit
	case terminal.KeyInterrupt:
		return context.Canceled
	case 'r':
		w.run(ctx)
	case 'h', 'a':
		if w.result != nil {
			w.answer(key)
		}
	case 'n':
		if w.result != nil && !w.runs.Going() { // what is running may turn green
			w.answer(key)
		}
	}
	return nil
}

func (w *watch) answer(key rune) {
	w.below = ""
	switch key {
	case 'a':
		w.all = !w.all
	case 'h':
		w.below = w.hint()
	case 'n':
		if w.goOn() {
			return
		}
	}
	w.draw()
}

func (w *watch) hint() string {
	task := learner.FirstOpenTask(w.state, w.step)
	if task == 0 || w.result.Green() {
		return "Every task is green: there is nothing to hint at."
	}
	text := openHint(w.env.style(), w.state, w.step, w.step.Task(task))
	w.env.save(w.state)
	return text
}

// goOn moves to the next step, and asks first when this one isn't green.
func (w *watch) goOn() bool {
	next := w.course.Next(w.step)
	switch {
	case next == nil:
		w.below = "This is the last step."
	case !w.result.Green() && !w.leaving:
		w.leaving = true
		w.below = fmt.Sprintf("Step %02d isn't green yet. Press n again to leave it and go on to %s.", w.step.Number, next.Name)
	default:
		w.step, w.state.Current = next, next.Number
		w.result, w.last, w.leaving = nil, nil, false
		w.env.save(w.state)
		return true
	}
	return false
}

// draw shows everything anew: over what stood there, a line at a time, so that nothing flickers.
// What was there before stays in the terminal's memory only as far as it had scrolled off,
// so that looking back is not a wall of repetitions.
func (w *watch) draw() {
	text := w.content()
	_, rows := w.env.Size()
	switch {
	case !w.keyed:
		text = "\n" + text
	case w.env.style().Rows(text) < rows:
		text = "\x1b[H" + strings.ReplaceAll(text, "\n", "\x1b[K\n") + "\x1b[J"
	default:
		text = "\x1b[H\x1b[J" + text
	}
	fmt.Fprint(w.env.stdout, text)
}

// content is all that there is to see. With keys it fits into the terminal, and a line stays free
// for the ticker, unless all failures are wanted.
func (w *watch) content() string {
	st := w.env.style()
	above, below := "", terminal.Paragraphs(w.below, w.noticed(st), w.footer(st))
	if w.failure != nil {
		above = fmt.Sprintf("The tests can't be run: %v\n  next: go tool workshop doctor", w.failure)
	}
	if w.result == nil {
		return terminal.Paragraphs(above, below)
	}
	verdict := learner.NewVerdict(w.step, w.state, w.result, false)
	shown := &board.Board{Style: st, Course: w.course, Verdict: verdict, Cwd: w.env.cwd, All: w.all, Keys: w.keyed}
	if !w.keyed || w.all {
		return terminal.Paragraphs(above, shown.String(), below)
	}
	_, rows := w.env.Size()
	return terminal.Paragraphs(above, shown.Fit(rows-2-st.Rows(terminal.Paragraphs(above, below))), below)
}

func (w *watch) noticed(st terminal.Style) string {
	if w.notice == "" {
		return ""
	}
	return st.Paint(terminal.Dim, st.Wrap("Note: "+w.notice, 0))
}

func (w *watch) footer(st terminal.Style) string {
	switch {
	case w.runs.Going() && (len(w.tested) == 0 || w.result == nil):
		return st.Paint(terminal.Dim, "Testing what you saved. What stands above is of the run before.")
	case w.runs.Going():
		return st.Paint(terminal.Bold, stillRunning(len(w.result.Coming))) + st.Paint(terminal.Dim, " Save again to start over.")
	}
	took := ""
	if w.result != nil {
		took = fmt.Sprintf(" (%.1f s)", w.result.Elapsed.Seconds())
	}
	if !w.keyed {
		return "Waiting for you to save a file" + took + ". Ctrl-C ends."
	}
	var keys []string
	for _, k := range [][2]string{{"h", "hint"}, {"a", w.allLabel()}, {"r", "run again"}, {"n", "next step"}, {"q", "quit"}} {
		keys = append(keys, st.Paint(terminal.Bold, k[0])+" "+k[1])
	}
	return st.Paint(terminal.Dim, "Waiting for you to save a file"+took+".") + "\n" + strings.Join(keys, "   ")
}

func stillRunning(tests int) string {
	switch tests {
	case 0:
		return "Still running."
	case 1:
		return "Still running: 1 test."
	}
	return fmt.Sprintf("Still running: %d tests.", tests)
}

func (w *watch) allLabel() string {
	if w.all {
		return "first failure"
	}
	return "all failures"
}
