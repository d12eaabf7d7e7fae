package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/backing"
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/doctor"
	"example.com/boxoffice/tools/internal/fleet"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/seed"
)

func newRunCmd(e *env) *cobra.Command {
	var addr string
	var solution bool
	var instances int
	cmd := &cobra.Command{
		Use:        "run [STEP]",
		SuggestFor: []string{"serve", "up", "api"},
		Short:      "Start the API of a step with its services, to try with curl",
		Long: `Start the API of a step on a seeded database and a Redis of its own, with a mail
server. While it runs, you see what it asks PostgreSQL and Redis for, and the mail
that it sends. A line of counts sums up all that happened until both were quiet
for half a second. Where a busy machine makes several such lines of what belongs
together, their sum follows. Where the step has a worker, it runs too, and what it
asks is counted apart.

With --instances 3, three instances of the API run behind a load balancer, which asks
each for GET /readyz and passes requests on to those that answer 200. One that ends is
started again, as an orchestrator does: kill one, and see what becomes of requests.

Ctrl-C stops all of it: with SIGTERM first, as deployments do. The data is then gone.

The variables that configure the API are passed on: SLOW_QUERY=5ms go tool workshop run 04`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			return runStep(cmd.Context(), e, step, runOptions{addr: addr, solution: solution, instances: instances})
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on")
	cmd.Flags().BoolVar(&solution, "solution", false, "run the solution instead of your code")
	cmd.Flags().IntVar(&instances, "instances", 1, "`N` instances of the API behind a load balancer")
	return cmd
}

// runOptions are what the command line of `run` says.
type runOptions struct {
	addr      string
	solution  bool
	instances int
}

// stand is what one `workshop run` holds: everything that must be gone
// when it ends.
type stand struct {
	e        *env
	step     *course.Step
	options  runOptions
	worker   string // the subcommand of the API's worker; "" for an API without one
	binary   string
	fleet    *fleet.Fleet
	outputs  map[*fleet.Member][]*prefixed // what they say
	backing  *backing.Services
	balanced *balanced // nil for one instance, which takes the address itself
	cleanups []func()
}

func runStep(ctx context.Context, e *env, step *course.Step, o runOptions) error {
	s := &stand{e: e, step: step, options: o}
	if err := s.check(); err != nil {
		return err
	}
	defer s.close()
	if err := s.build(ctx); err != nil {
		return err
	}
	if err := s.wire(ctx); err != nil {
		return err
	}
	return s.serve(ctx)
}

const (
	// mostInstances is how many instances make sense on one machine.
	mostInstances = 9
	// readyzSince is the first step whose API answers GET /readyz, which a balancer asks.
	readyzSince = 4
)

// check refuses what can't work, before anything slow.
func (s *stand) check() error {
	number, n := s.step.Number, s.options.instances
	if n < 1 || n > mostInstances {
		return &cli.Problem{
			What: fmt.Sprintf("--instances %d: it takes 1 to %d", n, mostInstances),
			Next: fmt.Sprintf("go tool workshop run %02d --instances 3", number),
		}
	}
	if n > 1 && number < readyzSince {
		return &cli.Problem{
			What: fmt.Sprintf("the balancer before several instances asks each for GET /readyz, which the API has from step %02d on", readyzSince),
			Next: fmt.Sprintf("go tool workshop run %02d", number),
		}
	}
	if err := checkAddr(s.step, s.options.addr); err != nil {
		return err
	}
	var err error
	s.worker, err = course.Worker(s.source())
	if err != nil {
		return &cli.Problem{What: "can't start the API", Why: err, Next: "git checkout -- " + filepath.Join(s.source(), "main_test.go") + "     (the file belongs to the course)"}
	}
	return nil
}

// source is the folder of the module to run.
func (s *stand) source() string {
	if s.options.solution {
		return s.step.SolutionDir
	}
	return s.step.Dir
}

// checkAddr refuses an address that can't be listened on, before anything slow.
func checkAddr(step *course.Step, addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		return listener.Close()
	}
	return &cli.Problem{
		What: "can't listen on " + addr,
		Why:  err,
		Next: fmt.Sprintf("go tool workshop run %02d --addr 127.0.0.1:%d     (or stop the other program)", step.Number, freePort()),
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
func (s *stand) build(ctx context.Context) error {
	course, err := s.e.Course()
	if err != nil {
		return err
	}
	folder := filepath.Join(course.Root, ".workshop", "bin")
	if err := doctor.Writable(folder); err != nil {
		return &cli.Problem{What: "can't put the built API into " + folder, Why: err, Next: "go tool workshop doctor"}
	}
	s.binary = filepath.Join(folder, s.step.Name)
	if s.options.solution {
		s.binary += "-solution"
	}
	ticker := s.e.newTicker()
	ticker.Start("building " + s.step.Name)
	said, err := runner.Go(ctx, s.source(), nil, ticker.Wait, "build", "-o", s.binary, ".")
	ticker.Stop()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &cli.Problem{
			What: "the API doesn't compile:\n" + strings.TrimRight(cmp.Or(said, err.Error()), "\n"),
			Next: fmt.Sprintf("mend it, then: go tool workshop run %02d", s.step.Number),
			Code: cli.ExitRed,
		}
	}
	return nil
}

// wire starts what the API needs and puts the taps between.
func (s *stand) wire(ctx context.Context) error {
	say := func(line string) { fmt.Fprintln(s.e.stderr, line) }
	opened, err := backing.Open(ctx, s.program().Migrate, say)
	if err != nil {
		return needsProblem(ctx, err)
	}
	s.cleanups = append(s.cleanups, opened.Close)
	if s.backing, err = opened.Attach(ctx); err != nil {
		return needsProblem(ctx, err)
	}
	s.cleanups = append(s.cleanups, func() { _ = s.backing.Close(context.WithoutCancel(ctx)) })
	if s.worker != "" {
		if err := s.backing.TapWorker(); err != nil {
			return needsProblem(ctx, err)
		}
	}
	return nil
}

// needsProblem is what stopped `run` before the API could serve.
func needsProblem(ctx context.Context, err error) error {
	return machineProblem(ctx, "can't start what the API needs", err)
}

// program is the API with the shell's variables that configure it: none that belong to another
// project's API.
func (s *stand) program() fleet.Program {
	return fleet.Program{Path: s.binary, Env: fleet.Environment(fleet.Run)}
}

func (s *stand) introduce() {
	whose := "your code"
	if s.options.solution {
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

`, s.step.Number, whose, s.options.addr, seed.Buyer.Email, seed.OtherBuyer.Email, seed.Organiser.Email, seed.Buyer.Password, s.options.addr)
}

// close undoes everything, the newest first.
func (s *stand) close() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}
