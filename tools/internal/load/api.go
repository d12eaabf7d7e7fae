package load

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/bench"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/guard"
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
	return fmt.Sprintf("the API of %s %s; its last words:\n%s", e.Variant, e.What, e.Said)
}

// api is a variant with its own database, Redis and mail server.
type api struct {
	Variant
	scenario *course.Scenario
	bench    *bench.Bench
	wires    *bench.Wires
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
	if a.bench, err = bench.Open(ctx, a.migrate, progress); err != nil {
		return nil, err
	}
	if a.wires, err = a.bench.Wire(ctx); err != nil {
		return nil, err
	}
	if v.Worker != "" {
		if err := a.wires.TapWorker(); err != nil {
			return nil, err
		}
	}
	a.wires.Mail.Delay(scenario.MailDelay)
	onSale, err := eventsOnSale(ctx, a.wires.DirectURL)
	if err != nil {
		return nil, err
	}
	a.mix = newMix(scenario.Requests, onSale)
	return a, nil
}

func (a *api) close() {
	if a.wires != nil {
		_ = a.wires.Close(context.Background())
	}
	if a.bench != nil {
		a.bench.Close()
	}
}

// environment is all that an API under measurement sees of the shell's.
func (a *api) environment() []string {
	environment := slices.Concat([]string{"GIN_MODE=release"}, a.scenario.Env, a.Env)
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		environment = append(environment, name+"="+os.Getenv(name))
	}
	return environment
}

func (a *api) migrate(ctx context.Context, databaseURL string) error {
	command := exec.CommandContext(ctx, cmp.Or(a.Migrator, a.Binary), "migrate")
	command.Env = append(a.environment(), "DATABASE_URL="+databaseURL)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("`boxoffice migrate` of %s failed on an empty database: %w\n%s", a.Variant, err, output)
	}
	return nil
}

// fleet is an API that runs: its instances, the balancer before more than one, its worker.
type fleet struct {
	api       *api
	address   string
	env       []string
	instances []*instance
	worker    *instance
	balancer  *balancer.Balancer
	used      time.Duration // by instances that have ended
	memory    int64         // the largest of them
}

// instance is a process of the API.
type instance struct {
	address string
	process *guard.Process
	said    *tail
}

// start runs n instances and the worker. Those that are direct reach PostgreSQL and Redis
// past the taps, which would take their share of the CPU.
func (a *api) start(ctx context.Context, n int, direct bool) (_ *fleet, err error) {
	f := &fleet{api: a, env: append(a.environment(), a.wires.Env...)}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	worker := append(a.environment(), a.wires.Env...)
	if a.Worker != "" {
		worker = append(a.environment(), a.wires.WorkerEnv(a.wires.Worker.Addr())...)
	}
	if direct {
		past, err := a.wires.DirectEnv(ctx)
		if err != nil {
			return nil, err
		}
		f.env, worker = append(a.environment(), past...), append(a.environment(), past...)
	}
	if err := f.balance(n); err != nil {
		return nil, err
	}
	for n := range n {
		i, err := f.startInstance(ctx, "")
		if err != nil {
			return nil, err
		}
		f.instances = append(f.instances, i)
		if f.balancer != nil {
			f.balancer.Add(i.address)
			if err := f.awaitReady(ctx, n); err != nil {
				return nil, err
			}
		} else {
			f.address = i.address
		}
	}
	if a.Worker != "" {
		said := &tail{}
		process, err := guard.Start([]string{a.Binary, a.Worker}, worker, said, said)
		if err != nil {
			return nil, err
		}
		f.worker = &instance{process: process, said: said}
	}
	return f, f.logIn(ctx)
}

// What stands before several instances is as that of `workshop run`: it asks each whether it
// is ready every checkEvery and retries nothing, and an instance that has ended is back after
// restartDelay.
const (
	checkEvery   = 500 * time.Millisecond
	restartDelay = time.Second
)

// balance starts a balancer if there is something to balance.
func (f *fleet) balance(n int) (err error) {
	if n == 1 {
		return nil
	}
	f.balancer, err = balancer.Start(balancer.Options{CheckEvery: checkEvery, Observe: func(balancer.Record) {}})
	if err != nil {
		return err
	}
	f.address = strings.TrimPrefix(f.balancer.URL, "http://")
	return nil
}

// bootTimeout is how long an API may take to answer; it is measured, not timed, here.
const bootTimeout = 20 * time.Second

// startInstance starts an instance and waits until it answers. Without an address it gets
// a free one; since another program may take that first, it is tried again.
func (f *fleet) startInstance(ctx context.Context, address string) (i *instance, err error) {
	for range 3 {
		var down *StartError
		at := address
		if at == "" {
			if at, err = freeAddress(); err != nil {
				return nil, err
			}
		}
		if i, err = f.tryInstance(ctx, at); err == nil || address != "" || ctx.Err() != nil || errors.As(err, &down) && down.Answers {
			return i, err
		}
	}
	return nil, err
}

func (f *fleet) tryInstance(ctx context.Context, address string) (*instance, error) {
	i := &instance{address: address, said: &tail{}}
	var err error
	program := append([]string{f.api.Binary}, f.api.Args...)
	if f.api.Args == nil {
		program = append(program, "serve")
	}
	i.process, err = guard.Start(program, append(f.env[:len(f.env):len(f.env)], "ADDR="+address), i.said, i.said)
	if err != nil {
		return nil, err
	}
	if err := f.awaitAnswer(ctx, i); err != nil {
		i.process.Stop()
		return nil, err
	}
	return i, nil
}

// awaitAnswer waits until an instance answers what clients will ask.
func (f *fleet) awaitAnswer(ctx context.Context, i *instance) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/events/%d", i.address, seed.OnSale.ID), nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			switch response.StatusCode {
			case http.StatusOK:
				return nil
			case http.StatusNotFound, http.StatusNotImplemented:
				return &StartError{f.api.Variant, fmt.Sprintf("answers GET /events/%d with %s", seed.OnSale.ID, response.Status), i.said.String(), true}
			}
		}
		select {
		case <-ctx.Done():
			return &StartError{f.api.Variant, fmt.Sprintf("doesn't answer GET /events/%d", seed.OnSale.ID), i.said.String(), false}
		case <-i.process.Exited():
			return &StartError{f.api.Variant, "ended at its start (" + i.process.Ending() + ")", i.said.String(), false}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// awaitReady waits until the balancer passes requests to the nth instance.
func (f *fleet) awaitReady(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, fmt.Errorf("an instance of %s doesn't answer GET /readyz with 200", f.api.Variant))
	defer cancel()
	if err := f.balancer.Await(ctx, n, true); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// buyers is how many people requests come from.
const buyers = 20

// logIn gets the tokens that the scenario's requests need.
func (f *fleet) logIn(ctx context.Context) error {
	if !f.api.mix.needsBuyers() {
		return nil
	}
	f.api.tokens = nil
	for n := range buyers {
		token, err := f.token(ctx, buyerEmail(n))
		if err != nil {
			return fmt.Errorf("log in at %s: %w", f.api.Variant, err)
		}
		f.api.tokens = append(f.api.tokens, token)
	}
	return nil
}

func (f *fleet) token(ctx context.Context, email string) (string, error) {
	body, err := json.Marshal(map[string]string{"email": email, "password": seed.Password})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.address+"/sessions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var session struct{ Token string }
	if err := json.Unmarshal(answer, &session); err != nil || session.Token == "" {
		return "", fmt.Errorf("POST /sessions answered %s: %s", response.Status, answer)
	}
	return session.Token, nil
}

// attack lets the scenario's requests come.
func (f *fleet) attack(ctx context.Context, rate int, d time.Duration, giveUp bool) Sample {
	return attack(ctx, f.api.mix.targeter(f.address, f.api.tokens), rate, d, giveUp)
}

// deploy restarts one instance after the other, as a rolling deployment does: each is told
// to leave, and the next one waits until the balancer sees the new one.
func (f *fleet) deploy(ctx context.Context) error {
	for n, old := range f.instances {
		f.end(old)
		select {
		case <-time.After(restartDelay):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		i, err := f.startInstance(ctx, old.address)
		if err != nil {
			return err
		}
		f.instances[n] = i
		if err := f.awaitReady(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// end stops a process and adds up what it used.
func (f *fleet) end(i *instance) {
	i.process.Stop()
	f.used += i.process.Used()
	f.memory = max(f.memory, i.process.MostMemory())
}

// stop ends all processes.
func (f *fleet) stop() {
	var group sync.WaitGroup
	for _, i := range f.instances {
		group.Go(i.process.Stop)
	}
	if f.worker != nil {
		group.Go(f.worker.process.Stop)
	}
	group.Wait()
	for _, i := range f.instances {
		f.end(i)
	}
	f.instances, f.worker = nil, nil
	if f.balancer != nil {
		f.balancer.Close()
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// tail keeps the last lines that a program said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4096

// Write implements io.Writer.
func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	if n := len(t.text) - tailBytes; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(text), nil
}

// String is the last lines, indented.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return "  (none)"
	}
	return "  " + strings.ReplaceAll(strings.TrimSpace(string(t.text)), "\n", "\n  ")
}
