package companion

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/filewatch"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/services/postgres"
)

// lookEvery is how often the file is looked at in which the command keeps the progress.
const lookEvery = 200 * time.Millisecond

// place is what the loop knows. Nothing else touches it.
type place struct {
	step      *course.Step
	runs      *learner.Runs
	tested    []runner.Test    // the tests that ended in the run that goes on
	doing     string           // what the run that goes on says it does, or waits for
	last      *runner.Result   // of the last run of step that came to its end and compiled; nil before
	verdict   *learner.Verdict // of the run that goes on, as far as that has come; else of the last run of step; nil before
	trouble   string           // why the tests can't be run
	forgetful string           // why the place isn't kept
	notice    string           // how saves are noticed, when that isn't by events
	unfollow  context.CancelFunc
	saved     <-chan struct{}
}

// errEnded says that the companion is about to end.
var errEnded = errors.New("the companion ends")

// do has the loop do something, with the loop's context, and waits for its end.
func (c *Companion) do(ctx context.Context, what func(context.Context)) error {
	done := make(chan struct{})
	select {
	case c.asks <- func(ctx context.Context) { defer close(done); what(ctx) }:
		<-done
		return nil
	case <-c.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loop runs the tests at first and after each save, and does what it is asked, one thing
// at a time, until ctx ends. No run goes on when it returns.
func (c *Companion) loop(ctx context.Context) {
	needs := newNeeds(ctx, c.Needs)
	defer needs.stop()
	p := &c.place
	p.runs = learner.NewRuns(c.tester(needs))
	p.runs.Began = func(runner.Options) { p.tested, p.doing = nil, "" }
	defer p.runs.Stop()
	defer close(c.ended) // before Stop: nobody must wait for the loop
	c.follow(ctx)
	defer func() { p.unfollow() }()
	c.run(ctx)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var seen stamp
	for {
		c.show()
		select {
		case <-ctx.Done():
			return
		case what := <-c.asks:
			what(ctx)
		case _, ok := <-p.saved:
			if !ok {
				p.saved = nil
				continue
			}
			c.run(ctx)
		case test := <-p.runs.Heard():
			c.hear(test)
		case saying := <-p.runs.Said():
			p.doing = saying.Text
		case end := <-p.runs.Ended():
			c.finish(ctx, end)
		case <-look.C:
			if now := stampOf(c.Course.Root); now != seen {
				seen = now
				_ = c.Progress.Refresh() // without the file, what is known here counts
			}
			c.watchCurrent(ctx)
		}
	}
}

// tester runs tests once what they need is there.
func (c *Companion) tester(needs *needs) learner.Tester {
	return func(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
		if err := learner.CheckFolder(o); err != nil {
			return nil, err
		}
		if err := needs.wait(ctx, o.Progress); err != nil {
			return nil, err
		}
		return c.Test(ctx, o, onTest)
	}
}

// run starts the tests, once a run that goes on is stopped.
func (c *Companion) run(ctx context.Context) {
	p := &c.place
	p.runs.Start(ctx, runner.Options{Step: p.step, First: learner.First(p.step, c.Progress, p.last)})
}

// hear shows a test that ended: from the first one on, pages show the run that goes on.
func (c *Companion) hear(t runner.Test) {
	p := &c.place
	if p.runs.Replaced() {
		return
	}
	p.tested, p.doing = append(p.tested, t), ""
	if soFar, err := runner.SoFar(p.step, slices.Clone(p.tested)); err == nil {
		p.verdict, p.trouble = learner.NewVerdict(p.step, c.Progress, soFar, false), ""
	}
}

// watchCurrent goes over to the learner's current step, unless it is watched already: a
// page or a command may have chosen another one.
func (c *Companion) watchCurrent(ctx context.Context) {
	p := &c.place
	step := learner.CurrentStep(c.Course, c.Progress)
	if step == p.step {
		return
	}
	p.step, p.last, p.verdict, p.trouble = step, nil, nil, ""
	c.OnStep(step)
	c.follow(ctx)
	c.run(ctx)
}

// follow looks for saves of the step that is watched, and of no other.
func (c *Companion) follow(ctx context.Context) {
	p := &c.place
	if p.unfollow != nil {
		p.unfollow()
	}
	p.notice = ""
	following, cancel := context.WithCancel(ctx)
	p.unfollow = cancel
	notices := func(line string) {
		go func() { _ = c.do(following, func(context.Context) { p.notice = line }) }() // Watch itself calls it, too
	}
	p.saved = filewatch.Watch(following, p.step.Dir, filewatch.Options{Poll: c.Poll, Notice: notices})
}

// finish takes a result, unless a newer run replaces it.
func (c *Companion) finish(ctx context.Context, end learner.Outcome) {
	p := &c.place
	if !p.runs.Finish(end) || ctx.Err() != nil {
		return
	}
	p.verdict, p.trouble = nil, ""
	if end.Err != nil {
		p.trouble = troubleText(end.Err)
		c.OnTrouble(errors.New(p.trouble))
		return
	}
	if end.Result.Build == "" {
		p.last = end.Result
	}
	learner.Remember(c.Progress, p.step, end.Result)
	c.save()
	p.verdict = learner.NewVerdict(p.step, c.Progress, end.Result, false)
	c.OnVerdict(p.verdict)
}

// troubleText says what keeps tests from running, and what to run next.
func troubleText(err error) string {
	var folder *learner.MissingFolderError
	var service *postgres.NotFoundError
	if errors.As(err, &folder) || errors.As(err, &service) {
		return err.Error() // they say it themselves
	}
	return fmt.Sprintf("The tests can't be run: %v\n  next: go tool workshop doctor", err)
}

// save keeps the learner's place. A folder that can't be written to stops nobody; it is
// told once.
func (c *Companion) save() {
	err := c.Progress.Save()
	if err == nil {
		c.place.forgetful = ""
		return
	}
	if c.place.forgetful == "" {
		c.OnTrouble(fmt.Errorf("your place isn't remembered: %w\n  next: go tool workshop doctor", err))
	}
	c.place.forgetful = "Your place isn't remembered: " + err.Error()
}

// stamp is what changes when the progress is saved.
type stamp struct {
	size    int64
	changed time.Time
}

func stampOf(root string) stamp {
	info, err := os.Stat(progress.File(root))
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}
