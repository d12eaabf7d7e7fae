package lab

import (
	"fmt"
	"testing"
	"time"

	"example.com/boxoffice/tools/internal/fleet"
)

// Command is a run of the API's program that is expected to end by itself, such as
// `boxoffice migrate`.
type Command struct {
	t      testing.TB
	name   string
	member *fleet.Member
}

// RunCommand starts `boxoffice NAME` in an environment that has these assignments, as
// "NAME=value", and nothing of the test's services. It doesn't wait for its end, and kills
// it with the test at the latest.
func RunCommand(t testing.TB, name string, environment ...string) *Command {
	t.Helper()
	own := fleet.New(program())
	t.Cleanup(own.Close)
	c := &Command{t: t, name: name, member: own.Add(name, fleet.Role{Command: name, Env: environment}, "", nil, nil)}
	if err := c.member.Launch(); err != nil {
		t.Fatal(setupFailure(err))
	}
	return c
}

// Succeeded is how a [Command] ends that went well.
const Succeeded = "exit status 0"

// Wait returns how it ended, such as [Succeeded], and the last that it said. It ends the
// test with a finding when it still runs after that time.
func (c *Command) Wait(within time.Duration) (ending, said string) {
	c.t.Helper()
	if !closesWithin(c.member.Process().Exited(), within) {
		c.t.Fatal(Finding{
			Measured: fmt.Sprintf("`boxoffice %s` still runs after %v; it said:\n%s", c.name, within, indent(c.member.Tail(), "| ")),
			Expected: "that it ends",
			Why:      "Whoever has started it waits for its end, and doesn't learn what is wrong.",
		}.String())
	}
	return c.member.Process().Ending(), c.member.Tail()
}

// Ended reports whether it has.
func (c *Command) Ended() bool { return !c.member.Process().Running() }

// Kill ends it with SIGKILL and waits until it is gone.
func (c *Command) Kill() { c.member.Kill() }
