package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/backing"
	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/fleet"
	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/seed"
)

// Variant is one of the APIs that are compared.
type Variant struct {
	Name    string // "starter", "yours", "solution"
	Against string // the name of the one that it is compared with; "" for none
	Binary  string // the built API
	Worker  string // the subcommand of its worker; "" for none
	// Migrator is the API whose `migrate` makes the database; the same when empty.
	Migrator string
	Args     []string // instead of "serve"
	Env      []string // more of its environment
}

// String is how a sentence speaks of a variant.
func (v Variant) String() string { return measurement.Object(v.Name) }

// StartError says that an API doesn't come up.
type StartError struct {
	Variant Variant
	What    string // "ended at its start (exit status 1)"
	Said    string // its last lines
	Answers bool   // it is up, and can't do yet what is asked
}

func (e *StartError) Error() string {
	said := cmp.Or(e.Said, "(none)")
	return fmt.Sprintf("the API of %s %s; its last words:\n  %s", e.Variant, e.What, strings.ReplaceAll(said, "\n", "\n  "))
}

// startError says of which variant it was that a process didn't start.
func (a *api) startError(err error) error {
	var down *fleet.StartError
	if !errors.As(err, &down) {
		return err
	}
	e := &StartError{Variant: a.Variant, What: "doesn't " + down.Member.Role.Goal, Said: down.Said}
	var unable *unableError
	switch {
	case errors.As(err, &unable):
		e.What, e.Answers = unable.Error(), true
	case down.Ending != "":
		e.What = "ended at its start (" + down.Ending + ")"
	}
	return e
}

// api is a variant with its own database, Redis and mail server.
type api struct {
	Variant
	scenario *course.Scenario
	servers  *backing.Servers
	backing  *backing.Services
	mix      *mix
	tokens   []string
}

// openAPI sets up what a variant stands on. The caller closes it.
func openAPI(ctx context.Context, v Variant, scenario *course.Scenario, progress func(string)) (_ *api, err error) {
	a := &api{Variant: v, scenario: scenario}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if a.servers, err = backing.Open(ctx, a.migrate, progress); err != nil {
		return nil, err
	}
	if a.backing, err = a.servers.Attach(ctx); err != nil {
		return nil, err
	}
	if v.Worker != "" {
		if err := a.backing.TapWorker(); err != nil {
			return nil, err
		}
	}
	a.backing.Mail.Delay(scenario.MailDelay)
	onSale, err := eventsOnSale(ctx, a.backing.DirectURL)
	if err != nil {
		return nil, err
	}
	a.mix = newMix(scenario.Requests, onSale)
	return a, nil
}

func (a *api) close() {
	if a.backing != nil {
		_ = a.backing.Close(context.Background())
	}
	if a.servers != nil {
		a.servers.Close()
	}
}

// program is the built API. What a scenario sets, all variants have.
func (a *api) program(path string) fleet.Program {
	return fleet.Program{Path: path, Args: a.Args, Env: slices.Concat(fleet.Environment(fleet.Measure), a.scenario.Env, a.Env)}
}

func (a *api) migrate(ctx context.Context, databaseURL string) error {
	migrator := a.program(cmp.Or(a.Migrator, a.Binary))
	migrator.Args = nil
	if err := migrator.Migrate(ctx, databaseURL); err != nil {
		return fmt.Errorf("%s: %w", a.Variant, err)
	}
	return nil
}

// running is an API that runs: its instances, the balancer before more than one, its worker.
type running struct {
	api     *api
	fleet   *fleet.Fleet
	address string // that requests come to
}

// start runs n instances and the worker. Those that are direct reach PostgreSQL and Redis
// past the taps, which would take their share of the CPU.
func (a *api) start(ctx context.Context, n int, direct bool) (_ *running, err error) {
	f := &running{api: a, fleet: fleet.New(a.program(a.Binary))}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	serve, work, err := a.roles(ctx, direct)
	if err != nil {
		return nil, err
	}
	for n := range n {
		f.fleet.Add(string(rune('A'+n)), serve, "", nil, nil)
	}
	if err := f.startInstances(ctx); err != nil {
		return nil, a.startError(err)
	}
	if a.Worker != "" {
		if err := f.fleet.Add("worker", work, "", nil, nil).Launch(); err != nil {
			return nil, err
		}
	}
	return f, f.logIn(ctx)
}

// roles are what instances and the worker do.
func (a *api) roles(ctx context.Context, direct bool) (serve, work fleet.Role, err error) {
	serve = fleet.Role{
		Listens: true, Env: a.backing.Env(), Goal: fmt.Sprintf("answer GET /events/%d", seed.OnSale.ID), Starting: answers,
	}
	if a.Args == nil {
		serve.Command = "serve"
	}
	work = fleet.Role{Command: a.Worker, Env: serve.Env}
	if a.Worker != "" {
		work.Env = a.backing.WorkerEnv(a.backing.Worker.Addr())
	}
	if direct {
		serve.Env, err = a.backing.DirectEnv(ctx)
		work.Env = serve.Env
	}
	return serve, work, err
}

// startInstances starts one instance after the other. Before several stands what stands before
// those of `workshop run`: it asks each whether it is ready and retries nothing.
func (f *running) startInstances(ctx context.Context) error {
	instances := f.fleet.Instances()
	for n, i := range instances {
		if err := i.Start(ctx); err != nil {
			return err
		}
		if len(instances) == 1 {
			f.address = i.Address()
			return nil
		}
		if n == 0 {
			front, err := f.fleet.Balance(balancer.Options{CheckEvery: fleet.CheckEvery, Observe: func(balancer.Record) {}})
			if err != nil {
				return err
			}
			f.address = strings.TrimPrefix(front.URL, "http://")
		}
		if err := f.fleet.AwaitReady(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// unableError says that an API runs and answers that it can't do what is asked.
type unableError struct{ what string }

func (e *unableError) Error() string { return e.what }

// answers is when an instance has started: it answers what clients will ask.
func answers(m *fleet.Member) fleet.Started {
	return func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/events/%d", m.Address(), seed.OnSale.ID), nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil // it doesn't listen yet
		}
		_ = response.Body.Close()
		switch response.StatusCode {
		case http.StatusNotFound, http.StatusNotImplemented:
			return false, &unableError{fmt.Sprintf("answers GET /events/%d with %s", seed.OnSale.ID, response.Status)}
		}
		return response.StatusCode == http.StatusOK, nil
	}
}

// buyers is how many people requests come from.
const buyers = 20

// logIn gets the tokens that the scenario's requests need.
func (f *running) logIn(ctx context.Context) error {
	if !f.api.mix.needsBuyers() {
		return nil
	}
	f.api.tokens = nil
	for n := range buyers {
		token, err := fleet.LogIn(ctx, f.address, buyerEmail(n), seed.Password)
		if err != nil {
			return fmt.Errorf("log in at %s: %w", f.api.Variant, err)
		}
		f.api.tokens = append(f.api.tokens, token)
	}
	return nil
}

// attack lets the scenario's requests come.
func (f *running) attack(ctx context.Context, rate int, d time.Duration, giveUp bool) Sample {
	return attack(ctx, f.api.mix.targeter(f.address, f.api.tokens), rate, d, giveUp)
}

// deploy restarts one instance after the other.
func (f *running) deploy(ctx context.Context) error { return f.api.startError(f.fleet.Deploy(ctx)) }

// stop ends all processes.
func (f *running) stop() {
	_ = f.fleet.Stop()
	f.fleet.Close()
}

// used is the CPU time that the instances took, and the largest resident set of one of them.
// It is known once they have ended.
func (f *running) used() (cpu time.Duration, memory int64) {
	for _, i := range f.fleet.Instances() {
		cpu += i.Used()
		memory = max(memory, i.MostMemory())
	}
	return cpu, memory
}
