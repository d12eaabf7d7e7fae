package lab

import (
	"fmt"
	"slices"
	"strconv"

	"example.com/boxoffice/tools/internal/fleet"
)

// Setting is something that [Main] is told about the API.
type Setting func()

// workerCommand is the subcommand that runs the API's worker; "" for an API
// without one.
var workerCommand string

// Worker says that the API has a worker, a process started as `boxoffice COMMAND`.
// Each [Start] then starts one beside the instances, in the same environment but
// for ADDR. What it asks PostgreSQL is counted by [App.WorkerPostgres].
func Worker(command string) Setting {
	return func() { workerCommand = command }
}

// Workers starts n workers at first: 0 for none. Without it there is one, if the
// API has a worker at all.
func Workers(n int) Option {
	return func(o *options) { o.workers = &n }
}

// workerCount is how many workers to start.
func (o *options) workerCount() int {
	switch {
	case o.workers != nil:
		return *o.workers
	case workerCommand != "":
		return 1
	default:
		return 0
	}
}

// StartWorker starts one more worker, and returns once it has come to PostgreSQL.
func (a *App) StartWorker() *Instance {
	a.t.Helper()
	worker := a.newWorker()
	if err := worker.start(); err != nil {
		a.t.Fatal(bootFailure(err))
	}
	return worker
}

// TryWorker starts one more worker with other settings, and returns why it didn't start: what
// it said stands in the error.
func (a *App) TryWorker(settings ...Option) (*Instance, error) {
	a.t.Helper()
	var o options
	for _, setting := range settings {
		setting(&o)
	}
	worker := a.newWorker(o.environment(a.t)...)
	return worker, worker.start()
}

// newWorker makes a worker that is still to be started, and ends it with the test.
func (a *App) newWorker(environment ...string) *Instance {
	a.t.Helper()
	if workerCommand == "" {
		a.t.Fatal("This API has no worker: TestMain must say lab.Main(m, main, lab.Worker(…)).")
	}
	endpoint, err := a.WorkerPostgres.OpenEndpoint()
	if err != nil {
		a.t.Fatal(setupFailure(err))
	}
	worker := &Instance{Name: "W" + strconv.Itoa(len(a.Workers)+1), worker: true}
	worker.member = a.fleet.Add(worker.Name, fleet.Role{
		Command: workerCommand, Env: slices.Concat(a.backing.WorkerEnv(endpoint.Addr()), a.environment, a.ownFolders(), environment),
		Goal: "connect to PostgreSQL (DATABASE_URL)", Starting: arrives(endpoint),
	}, "", &worker.logs, &worker.logs)
	a.t.Cleanup(worker.member.Close)
	a.Workers = append(a.Workers, worker)
	return worker
}

// complained reports whether the worker has logged anything that may explain why a
// test waits in vain: a warning, an error, or a line that is no JSON, such as a
// panic's.
func (i *Instance) complained() bool {
	for _, line := range i.Logs() {
		level := fmt.Sprint(line.Fields["level"])
		if line.Fields == nil || level == "WARN" || level == "ERROR" {
			return true
		}
	}
	return false
}
