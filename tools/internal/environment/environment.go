// Package environment keeps what the learner's shell holds for other work away from what the workshop
// starts and connects with. All programs of the workshop, and the lab in every test binary, call Clean
// before anything else, so plain `go test` measures the same.
//
// What the API under test is configured with is another matter: see internal/fleet.
package environment

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// LeftOut is a variable that the shell had for other work.
type LeftOut struct {
	Name string
	// Value is what it held; "" where it may be a secret or doesn't matter.
	Value string
	// Of says whose it is.
	Of Owner
	// Saved says that it isn't the shell's: it was kept with `go env -w`.
	Saved bool
}

// Unset is the command that takes the variable out of the shell's environment, or out of the settings
// that the go command has saved.
func (l LeftOut) Unset() string {
	if l.Saved {
		return "go env -u " + l.Name
	}
	return "unset " + l.Name
}

// Owner is who reads a variable.
type Owner int

// Those who read variables that are left out.
const (
	Postgres Owner = iota // clients of PostgreSQL, lib/pq among them
	Go                    // the go command
)

var left struct {
	sync.Mutex
	list []LeftOut
}

// Clean takes out of this process's environment, and so of all that it starts, what would change
// how the workshop connects to PostgreSQL, or what its go commands do.
func Clean() {
	left.Lock()
	defer left.Unlock()
	left.list = append(left.list, cleanPostgres()...)
	left.list = append(left.list, cleanGo(savedSettings())...)
}

// All are the variables that Clean has taken out, by name.
func All() []LeftOut {
	left.Lock()
	defer left.Unlock()
	list := slices.Clone(left.list)
	slices.SortFunc(list, func(a, b LeftOut) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// noFile is where no file can be.
const noFile = os.DevNull + "/none"

// cleanPostgres takes out what libpq's clients read, lib/pq among them
// (https://www.postgresql.org/docs/current/libpq-envars.html). They complete each URL, and lib/pq
// connects to nothing at all when it knows a variable that it doesn't support.
//
// ~/.pgpass isn't read either: the API under test, which connects through a tap, couldn't find its own
// server in it.
func cleanPostgres() (list []LeftOut) {
	for _, assignment := range os.Environ() {
		name, value, _ := strings.Cut(assignment, "=")
		if !ofPostgres(name) || name == "PGPASSFILE" && value == noFile {
			continue
		}
		_ = os.Unsetenv(name)
		list = append(list, LeftOut{Name: name, Of: Postgres})
	}
	_ = os.Setenv("PGPASSFILE", noFile)
	return list
}

// ofPostgres reports whether a client of PostgreSQL reads a variable. All of its names begin with PG;
// lib/pq reads two more.
func ofPostgres(name string) bool {
	return strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "SSLPG")
}

// keptFlags are the flags of go that stay in GOFLAGS: they say how this machine compiles. All others
// say what a go command does, as -mod, -run, -json or -v, and are meant for another one.
var keptFlags = []string{
	"p", "modcacherw", "buildvcs", "trimpath", "tags", "toolexec", "overlay",
	"gcflags", "asmflags", "ldflags", "gccgoflags", "buildmode", "compiler", "linkshared", "installsuffix",
}

// noFlags is a GOFLAGS that changes nothing. An empty one would let the value through that was saved
// with `go env -w`.
const noFlags = "-mod=readonly"

// cleanGo sets the variables of the go command that lead to other modules or to another command, to what
// they are by default. saved holds the settings of `go env -w`. Those with which the workshop itself
// couldn't be built, such as GOOS, aren't looked at.
func cleanGo(saved map[string]string) (list []LeftOut) {
	flags := setting("GOFLAGS", saved)
	kept := keep(flags)
	if kept == "" {
		kept = noFlags
	}
	for _, own := range []struct{ name, value string }{{"GOFLAGS", kept}, {"GOWORK", "auto"}} {
		there := setting(own.name, saved)
		if there == "" || there == own.value || own.name == "GOFLAGS" && flags == keep(flags) {
			continue
		}
		list = append(list, LeftOut{Name: own.name, Value: there, Of: Go, Saved: os.Getenv(own.name) == ""})
		_ = os.Setenv(own.name, own.value)
	}
	return list
}

// setting is what the go command would take: the shell's, else the one that was saved.
func setting(name string, saved map[string]string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return saved[name]
}

// keep is a GOFLAGS with those flags alone that are to stay. Values are quoted as go does it: see
// cmd/internal/quoted.
func keep(flags string) string {
	var kept []string
	for _, flag := range split(flags) {
		name, _, _ := strings.Cut(strings.TrimLeft(strings.Trim(flag, `'"`), "-"), "=")
		if slices.Contains(keptFlags, name) {
			kept = append(kept, flag)
		}
	}
	return strings.Join(kept, " ")
}

// split parts flags at blanks. A flag that begins with a quote goes on to the next one of its kind.
func split(flags string) (list []string) {
	for flags = strings.TrimSpace(flags); flags != ""; flags = strings.TrimSpace(flags) {
		end := strings.IndexAny(flags, " \t\r\n")
		if quote := flags[:1]; quote == `'` || quote == `"` {
			end = strings.Index(flags[1:], quote) + 2
			if end < 2 {
				end = -1
			}
		}
		if end < 0 {
			end = len(flags)
		}
		list = append(list, flags[:end])
		flags = flags[end:]
	}
	return list
}

// savedSettings are those that `go env -w` keeps in a file, which GOENV names (see `go help
// environment`). They are read without asking go: each command would wait for it.
func savedSettings() map[string]string {
	file := os.Getenv("GOENV")
	if file == "off" {
		return nil
	}
	if file == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return nil
		}
		file = filepath.Join(dir, "go", "env")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	saved := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok {
			saved[strings.TrimSpace(name)] = value
		}
	}
	return saved
}
