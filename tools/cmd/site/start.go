package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/companion"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

func newStartCmd() *cobra.Command {
	var o startOptions
	cmd := &cobra.Command{
		Use:   "start [STEP]",
		Short: "Serve the lessons, and run a step's tests whenever a file is saved",
		Long:  `Serve the live pages. "go tool workshop start --help" tells more.`,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return start(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), strings.Join(args, ""), o)
		},
	}
	cmd.Flags().StringVar(&o.addr, "addr", "", "`HOST:PORT` of this machine (default "+companion.DefaultAddr+", or the next free port)")
	cmd.Flags().StringArrayVar(&o.origins, "origin", nil, "an `ORIGIN` that a forwarded port has in the browser")
	cmd.Flags().BoolVar(&o.open, "open", false, "open a browser, too")
	return cmd
}

// startOptions are what the command line of `start` says.
type startOptions struct {
	addr    string
	origins []string
	open    bool
}

// start serves until ctx ends.
func start(ctx context.Context, out, warn io.Writer, arg string, o startOptions) error {
	for i, text := range o.origins {
		origin, err := companion.Origin(text)
		if err != nil {
			return cli.Usage(fmt.Errorf("--origin %s: %w", text, err), "go tool workshop start --help")
		}
		o.origins[i] = origin
	}
	c, step, state, err := stand(warn, arg)
	if err != nil {
		return err
	}
	pages, err := companion.SitePages(c)
	if err != nil {
		return &cli.Problem{What: "can't read the pages", Why: err, Next: "git checkout -- site"}
	}
	listener, err := listen(ctx, out, o.addr, c.Root)
	if err != nil {
		return err
	}
	own := fmt.Sprintf("http://%s", listener.Addr())
	url := fmt.Sprintf("%s/steps/%s.html", append(o.origins, own)[0], step.Name)
	fmt.Fprintf(out, "Read and work at %s\nTests run whenever you save a file of steps/%s. Ctrl-C ends it.\n\n", url, step.Name)
	if o.open {
		go func() { cli.Print(warn, openBrowser(url)) }()
	}
	teller := &teller{root: c.Root, out: out, warn: warn}
	err = companion.New(companion.Options{
		Course: c, Progress: state, Pages: pages, Poll: polls(os.Getenv("WORKSHOP_POLL")), Origins: o.origins,
		Needs: teller.needs, OnStep: teller.step, OnVerdict: teller.verdict, OnTrouble: teller.trouble,
	}).Serve(ctx, listener)
	if err != nil {
		return &cli.Problem{What: "the companion ended", Why: err, Next: "go tool workshop start"}
	}
	fmt.Fprintln(out, "\nThe companion has ended. To go on: go tool workshop start")
	return nil
}

// stand is the course around the working folder and the step to watch, which becomes the
// learner's current one: what they type beside the companion is about the same step. A
// place that can't be read or kept stops nobody.
func stand(warn io.Writer, arg string) (*course.Course, *course.Step, *progress.State, error) {
	cwd, err := cli.WorkingFolder()
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := cli.OpenCourse(cwd)
	if err != nil {
		return nil, nil, nil, err
	}
	state, err := progress.Load(c.Root)
	if err != nil {
		fmt.Fprintf(warn, "workshop: %v\n", err)
	}
	step, err := c.Find(arg, cwd)
	if errors.Is(err, course.ErrNoStep) {
		step, err = learner.CurrentStep(c, state), nil
	}
	if err != nil {
		return nil, nil, nil, cli.Usage(err, "go tool workshop list")
	}
	if step == nil {
		return nil, nil, nil, &cli.Problem{What: "the course has no steps", Next: "git status"}
	}
	standAt(warn, state, step)
	return c, step, state, nil
}

// standAt makes a step the current one, as "next STEP" does.
func standAt(warn io.Writer, state *progress.State, step *course.Step) {
	if state.Current == step.Number {
		return
	}
	state.Current = step.Number
	if err := state.Save(); err != nil {
		fmt.Fprintf(warn, "workshop: can't remember the step: %v\n  next: go tool workshop doctor\n", err)
	}
}

// listen takes the address that was asked for, or else the default one or a free port
// after it, for a companion of the course at root.
func listen(ctx context.Context, out io.Writer, addr, root string) (net.Listener, error) {
	if addr == "" {
		listener, err := companion.ListenDefault()
		if err != nil {
			return nil, &cli.Problem{What: "can't listen", Why: err, Next: "go tool workshop start --addr 127.0.0.1:0"}
		}
		if taken := companion.DefaultAddr; listener.Addr().String() != taken {
			who := taken + " is taken by another program"
			if companion.Answers(ctx, taken, root) {
				who = "A companion of this clone answers at http://" + taken + " already"
			}
			fmt.Fprintf(out, "%s; this one takes the next free port.\n", who)
		}
		return listener, nil
	}
	listener, err := companion.Listen(addr)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE) && companion.Answers(ctx, addr, root):
		return nil, &cli.Problem{What: "a companion of this clone answers at " + addr + " already", Next: "open http://" + addr}
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &cli.Problem{What: addr + " is taken by another program", Next: "go tool workshop start     (it takes a free port by itself)"}
	}
	return nil, cli.Usage(fmt.Errorf("can't listen on %s: %w", addr, err), "go tool workshop start --addr "+companion.DefaultAddr)
}

func polls(value string) bool { return value != "" && value != "0" }

// openBrowser asks the desktop to show a page, and returns when what it asked has ended.
// Nothing depends on it.
func openBrowser(url string) error {
	why := errors.New("no program was found here that opens a browser")
	for _, name := range browserOpeners(runtime.GOOS) {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if name == "xdg-open" && !hasDisplay() {
			why = errors.New("there is no display here to open a browser on")
			continue
		}
		command := exec.Command(path, url)
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends the companion, not the browser
		if err = command.Run(); err == nil {
			return nil
		}
		why = fmt.Errorf("no browser opened: %s: %w", name, err)
	}
	return &cli.Problem{What: why.Error(), Next: "open " + url + " yourself"}
}

// hasDisplay reports whether xdg-open has a screen to open a browser on, or was told
// which one to open.
func hasDisplay() bool {
	return os.Getenv("DISPLAY")+os.Getenv("WAYLAND_DISPLAY")+os.Getenv("BROWSER") != ""
}

// browserOpeners are the programs that open the user's browser; wslview does it from
// within WSL.
func browserOpeners(system string) []string {
	if system == "darwin" {
		return []string{"open"}
	}
	return []string{"xdg-open", "wslview"}
}

// teller prints a line for what happens.
type teller struct {
	root      string
	out, warn io.Writer

	mu   sync.Mutex
	last string // trouble that was told
}

func (t *teller) line(w io.Writer, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(w, time.Now().Format(time.TimeOnly)+"  "+format+"\n", args...)
}

// needs starts what tests need, and prints what a slow start does.
func (t *teller) needs(ctx context.Context, say func(string)) (func(), error) {
	return learner.StartNeeds(ctx, func(line string) {
		t.line(t.warn, "%s", line)
		say(line)
	})
}

func (t *teller) step(s *course.Step) {
	t.line(t.out, "%s  Tests run whenever you save a file of steps/%s from here on", s.Name, s.Name)
}

func (t *teller) verdict(v *learner.Verdict) {
	t.line(t.out, "%s  %s", v.Step.Name, verdictText(v, t.root))
}

// verdictText is a run's end in a few words, with files named from root.
func verdictText(v *learner.Verdict, root string) string {
	took := fmt.Sprintf("(%.1f s)", v.Result.Elapsed.Seconds())
	switch {
	case v.Result.Build != "":
		first, _, _ := strings.Cut(v.Located(func(path string) string { return strings.TrimPrefix(path, root+string(os.PathSeparator)) }), "\n")
		if v.NotBuilt() == learner.GoFailed {
			return "go can't build it: " + first
		}
		return "doesn't compile: " + first
	case v.Result.Green():
		return "green " + took
	case v.Result.Panic != "":
		first, _, _ := strings.Cut(v.Result.Panic, "\n")
		return "ended early: " + first
	}
	green, all := 0, 0
	for _, task := range v.Tasks {
		if task.Task.Number == 0 {
			continue
		}
		all++
		if task.State == runner.Green {
			green++
		}
	}
	text := fmt.Sprintf("red, %d of %d tasks green %s", green, all, took)
	if len(v.Failures) > 0 {
		text += ": " + v.Failures[0].Test
		if more := len(v.Failures) - 1; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
	}
	return text
}

// trouble is told once, until another one comes.
func (t *teller) trouble(err error) {
	t.mu.Lock()
	known := t.last == err.Error()
	t.last = err.Error()
	t.mu.Unlock()
	if !known {
		t.line(t.warn, "%v", err)
	}
}
