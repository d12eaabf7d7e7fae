package fleet

import (
	"os"
	"slices"
)

// Variable is one that the API can be configured with. This list is the only one: the lab, `run`
// and `measure` set nothing for the API that isn't in it, and what they set, docker-compose.yml
// sets as well. A test of internal/stack compares it with that file and with what the APIs read.
type Variable struct {
	Name string
	// Why says what it is for, or why the lab's value isn't production's.
	Why string
	// Given is set where an address or a secret is made for each run: by internal/backing, or by the
	// fleet itself.
	Given bool
	// Lab is what the lab sets in each test that doesn't set it itself; "" for none.
	Lab string
	// Stack says that docker-compose.yml sets it. Where it doesn't, production runs with the
	// default that is in the API's code.
	Stack bool
}

// Variables are all there are.
var Variables = []Variable{
	{Name: "ADDR", Why: "where an instance listens", Given: true, Stack: true},
	{Name: "DATABASE_URL", Why: "its PostgreSQL", Given: true, Stack: true},
	{Name: "REDIS_URL", Why: "its Redis", Given: true, Stack: true},
	{Name: "SMTP_ADDR", Why: "its mail server", Given: true, Stack: true},
	{Name: "TOKEN_SECRET", Why: "signs tokens, the same for all instances", Given: true, Stack: true},

	{Name: "REQUEST_TIMEOUT", Why: "until a request has its answer; on a busy machine, one may take seconds that it doesn't take elsewhere, and tests of deadlines set their own", Lab: "10s", Stack: true},

	{Name: "DB_MAX_CONNS", Why: "connections to PostgreSQL, of each process", Stack: true},
	{Name: "TRUSTED_PROXIES", Why: "whose X-Forwarded-For is true", Stack: true},
	{Name: "DRAIN_DELAY", Why: "from SIGTERM until new requests are refused", Stack: true},
	{Name: "SHUTDOWN_TIMEOUT", Why: "how long requests in flight and jobs have after that", Stack: true},
	{Name: "LOG_LEVEL", Why: "debug, info, warn or error", Stack: true},
	{Name: "GOMEMLIMIT", Why: "when Go's runtime collects garbage, below the container's limit", Stack: true},

	{Name: "SSL_CERT_FILE", Why: "whose certificates are trusted, in place of the system's; Go reads it, but for macOS"},
	{Name: "TZ", Why: "the time zone of the machine; Go reads it"},
	{Name: "CACHE_URL", Why: "the Redis that remembers events; where it isn't set, as in the lab, that of REDIS_URL", Stack: true},
	{Name: "CACHE_TTL", Why: "how long events are remembered"},
	{Name: "CACHE_TIMEOUT", Why: "how long the cache may take"},
	{Name: "JOB_TIMEOUT", Why: "how long a job may take"},
	{Name: "JOB_ATTEMPTS", Why: "how often a job is tried"},
	{Name: "JOB_BACKOFF", Why: "the pause after a job's first failure"},
	{Name: "TOKEN_TTL", Why: "how long a token is valid"},
	{Name: "LOGIN_LOCKOUT", Why: "how long an account is locked after failed log-ins"},
	{Name: "READ_TIMEOUT", Why: "until a request has arrived"},
	{Name: "WRITE_TIMEOUT", Why: "until the client has taken its answer"},
	{Name: "IDLE_TIMEOUT", Why: "until the next request on the same connection"},
	{Name: "SLOW_QUERY", Why: "statements that take longer are logged"},
	{Name: "FAULTS", Why: "on: serve the routes that fail on purpose"},
}

// Known reports whether the API can be configured with a variable of that name.
func Known(name string) bool {
	return slices.ContainsFunc(Variables, func(v Variable) bool { return v.Name == name })
}

// machine are the variables that every process on this machine has, and that are no part of the
// API's configuration.
var machine = []string{"PATH", "HOME", "TMPDIR"}

// harness are the lab's own: the API doesn't know of them. They are passed on from the test binary.
var harness = []string{
	"GOCOVERDIR", // where a binary built with -cover leaves what it counted
}

// harnessSet is what the lab sets for the race detector, which would else make the end of each
// process wait for a second.
var harnessSet = []string{"GORACE=atexit_sleep_ms=0"}

// User is who runs an API.
type User int

// Those who run APIs.
const (
	Lab     User = iota // tests
	Run                 // `workshop run`
	Measure             // `workshop measure`
)

// Environment is what each process of an API has before anything is given: nothing of the shell's
// but the machine's own, and for Run the variables that configure the API. A DATABASE_URL of
// another project would else change what is measured.
func Environment(user User) []string {
	environment := inherited(machine)
	if user == Lab {
		environment = slices.Concat(environment, inherited(harness), harnessSet)
	}
	for _, v := range Variables {
		value := ""
		if user == Lab {
			value = v.Lab
		}
		if shell, ok := os.LookupEnv(v.Name); ok && user == Run && !v.Given {
			value = shell
		}
		if value != "" {
			environment = append(environment, v.Name+"="+value)
		}
	}
	return environment
}

func inherited(names []string) (list []string) {
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			list = append(list, name+"="+value)
		}
	}
	return list
}
