package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/bench"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/seed"
)

func newRunCmd(e *env) *cobra.Command {
	var addr string
	var solution bool
	cmd := &cobra.Command{
		Use:   "run [STEP]",
		Short: "Start the API of a step with its services, to try with curl",
		Long: `Start the API of a step on a seeded database and a Redis of its own, with a mail
server. While it runs, you see what it asks PostgreSQL and Redis for, and the mail
that it sends. A line of counts sums up all that happened until both were quiet
for a quarter of a second.
Ctrl-C stops it; its data is then gone.

The variables that configure the API are passed on: SLOW_QUERY=5ms go tool workshop run 04`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			return runStep(cmd.Context(), e, step, solution, addr)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on")
	cmd.Flags().BoolVar(&solution, "solution", false, "run the solution instead of your code")
	return cmd
}

// stand is what one `workshop run` holds: everything that must be gone
// when it ends.
type stand struct {
	e        *env
	step     *course.Step
	addr     string
	binary   string
	wires    *bench.Wires
	cleanups []func()
}

func runStep(ctx context.Context, e *env, step *course.Step, solution bool, addr string) error {
	if err := checkAddr(step, addr); err != nil {
		return err
	}
	s := &stand{e: e, step: step, addr: addr}
	defer s.close()
	if err := s.build(ctx, solution); err != nil {
		return err
	}
	if err := s.wire(ctx); err != nil {
		return err
	}
	s.introduce(solution)
	return s.serve(ctx)
}

// checkAddr refuses an address that can't be listened on, before anything slow.
func checkAddr(step *course.Step, addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		return listener.Close()
	}
	return &problem{
		what: "can't listen on " + addr,
		why:  err,
		next: fmt.Sprintf("go tool workshop run %02d --addr 127.0.0.1:%d     (or stop the other program)", step.Number, freePort()),
	}
}

// freePort is a port that was free a moment ago, for a suggestion.
func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 8081
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// build compiles the API into .workshop/, where the next build replaces it.
func (s *stand) build(ctx context.Context, solution bool) error {
	course, err := s.e.Course()
	if err != nil {
		return err
	}
	folder := filepath.Join(course.Root, ".workshop", "bin")
	if err := writable(folder); err != nil {
		return &problem{what: "can't put the built API into " + folder, why: err, next: "go tool workshop doctor"}
	}
	s.binary = filepath.Join(folder, s.step.Name)
	source := s.step.Dir
	if solution {
		source, s.binary = s.step.SolutionDir, s.binary+"-solution"
	}
	command := exec.CommandContext(ctx, "go", "build", "-o", s.binary, ".")
	command.Dir = source
	output, err := command.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &problem{
			what: "the API doesn't compile:\n" + string(output),
			next: fmt.Sprintf("mend it, then: go tool workshop run %02d", s.step.Number),
			code: exitRed,
		}
	}
	return nil
}

// wire starts what the API needs and puts the taps between.
func (s *stand) wire(ctx context.Context) error {
	say := func(line string) { fmt.Fprintln(s.e.stderr, line) }
	opened, err := bench.Open(ctx, s.migrate, say)
	if err != nil {
		return needsProblem(ctx, err)
	}
	s.cleanups = append(s.cleanups, opened.Close)
	if s.wires, err = opened.Wire(ctx); err != nil {
		return needsProblem(ctx, err)
	}
	s.cleanups = append(s.cleanups, func() { _ = s.wires.Close(context.WithoutCancel(ctx)) })
	return nil
}

// needsProblem is what stopped `run` before the API could serve.
func needsProblem(ctx context.Context, err error) error {
	return machineProblem(ctx, "can't start what the API needs", err)
}

func (s *stand) migrate(ctx context.Context, databaseURL string) error {
	command := exec.CommandContext(ctx, s.binary, "migrate")
	command.Env = append(apiEnvironment(), "DATABASE_URL="+databaseURL)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("`boxoffice migrate` failed on an empty database: %w\n%s", err, output)
	}
	return nil
}

// passedOn are the variables of the shell that the API sees: those that it is
// configured with, but for the services that the workshop starts.
var passedOn = []string{
	"PATH", "HOME", "TMPDIR", "LOG_LEVEL", "DB_MAX_CONNS", "READ_TIMEOUT", "WRITE_TIMEOUT", "IDLE_TIMEOUT",
	"REQUEST_TIMEOUT", "SLOW_QUERY", "TOKEN_TTL", "LOGIN_LOCKOUT", "FAULTS",
}

// apiEnvironment is the shell's environment without what belongs to another
// project's API.
func apiEnvironment() []string {
	environment := []string{"GIN_MODE=release"}
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// serve runs the API until it ends or ctx does.
func (s *stand) serve(ctx context.Context) error {
	executable, err := os.Executable()
	if err != nil {
		return needsProblem(ctx, err)
	}
	command := exec.Command(executable, guardName, s.binary, "serve")
	command.Env = append(append(apiEnvironment(), "ADDR="+s.addr), s.wires.Env...)
	command.Stdout, command.Stderr = s.e.stdout, s.e.stderr
	// A group of its own: whoever kills the workshop's whole group leaves the guard
	// to end the API.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := command.StdinPipe()
	if err != nil {
		return needsProblem(ctx, err)
	}
	if err := command.Start(); err != nil {
		return needsProblem(ctx, err)
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go s.report(watching)
	return s.await(ctx, command, stdin)
}

// await waits for the API; when ctx ends, closing stdin tells the guard to end it.
func (s *stand) await(ctx context.Context, command *exec.Cmd, stdin io.Closer) error {
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	select {
	case err := <-exited:
		return &problem{
			what: fmt.Sprintf("the API ended by itself (%s)", command.ProcessState),
			why:  err,
			next: fmt.Sprintf("read its last lines above, then: go tool workshop run %02d", s.step.Number),
			code: exitRed,
		}
	case <-ctx.Done():
		_ = stdin.Close()
		<-exited
		fmt.Fprintln(s.e.stdout, "\nStopped. The database of this run is gone.")
		return nil
	}
}

func (s *stand) introduce(solution bool) {
	whose := "your code"
	if solution {
		whose = "the solution"
	}
	fmt.Fprintf(s.e.stdout, `
Step %02d, %s, on http://%s

  data      500 venues, 20,000 events, 5,000 users, 100,000 orders; a copy that
            lasts until you stop
  log in    %s, %s or
            %s, password %q
  mail      shown here as it arrives
  try       curl 'http://%s/events?limit=50'
  changes   of your code show after a new start
  stop      Ctrl-C

`, s.step.Number, whose, s.addr, seed.Buyer.Email, seed.OtherBuyer.Email, seed.Organiser.Email, seed.Buyer.Password, s.addr)
}

// close undoes everything, the newest first.
func (s *stand) close() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}
