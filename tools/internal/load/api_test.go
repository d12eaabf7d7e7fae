package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/backing"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/fleet"
	"example.com/boxoffice/tools/internal/measurement"
)

// member is an instance that listens on an address of the test's.
func member(address string) *fleet.Member {
	return fleet.New(fleet.Program{}).Add("A", fleet.Role{Listens: true, Goal: "answer GET /events/42"}, address, nil, nil)
}

func TestAnInstanceHasStartedWhenItAnswersWhatClientsAsk(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		started bool
		never   string
	}{
		http.StatusOK:                  {started: true},
		http.StatusServiceUnavailable:  {}, // it may be on its way
		http.StatusInternalServerError: {},
		http.StatusNoContent:           {},
		http.StatusNotFound:            {never: "answers GET /events/42 with 404 Not Found"},
		http.StatusNotImplemented:      {never: "answers GET /events/42 with 501 Not Implemented"},
	} {
		asked := ""
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.Method + " " + r.URL.Path
			w.WriteHeader(status)
		}))
		started, err := answers(member(server.Listener.Addr().String()))(t.Context())
		server.Close()
		require.Equal(t, "GET /events/42", asked)
		require.Equal(t, want.started, started, "%d", status)
		if want.never == "" {
			require.NoError(t, err, "%d", status)
			continue
		}
		var unable *unableError
		require.ErrorAs(t, err, &unable)
		require.EqualError(t, err, want.never)
	}
}

func TestNobodyThereIsNoAnswerYet(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	started, err := answers(member(server.Listener.Addr().String()))(t.Context())
	require.NoError(t, err, "it may listen in a moment")
	require.False(t, started)
}

func TestWhatIsToldOfAnAPIThatDoesNotStart(t *testing.T) {
	t.Parallel()
	down := func(e fleet.StartError) error {
		e.Member = member("127.0.0.1:1")
		return &e
	}
	for name, c := range map[string]struct {
		variant string
		err     error
		says    string
		answers bool
	}{
		"it ended": {
			"yours", down(fleet.StartError{Ending: "exit status 1", Said: "no DATABASE_URL\nbye"}),
			"the API of your code ended at its start (exit status 1); its last words:\n  no DATABASE_URL\n  bye", false,
		},
		"its time was over": {
			"solution", down(fleet.StartError{Said: "listening"}),
			"the API of the solution doesn't answer GET /events/42; its last words:\n  listening", false,
		},
		"it said nothing": {
			"05-stateless", down(fleet.StartError{Ending: "signal: killed"}),
			"the API of 05-stateless ended at its start (signal: killed); its last words:\n  (none)", false,
		},
		"it can't do this yet": {
			"starter", down(fleet.StartError{Err: &unableError{"answers GET /events/42 with 501 Not Implemented"}}),
			"the API of the starter answers GET /events/42 with 501 Not Implemented; its last words:\n  (none)", true,
		},
		"while it was deployed": {
			"yours", fmt.Errorf("deploy: %w", down(fleet.StartError{Ending: "exit status 2", Said: "no"})),
			"the API of your code ended at its start (exit status 2); its last words:\n  no", false,
		},
	} {
		err := (&api{Variant: Variant{Name: c.variant}}).startError(c.err)
		var e *StartError
		require.ErrorAs(t, err, &e, name)
		require.EqualError(t, err, c.says, name)
		require.Equal(t, c.answers, e.Answers, name)
	}
}

func TestErrorsOfTheMachineAreNotTheAPIs(t *testing.T) {
	t.Parallel()
	a := &api{Variant: Variant{Name: "yours"}}
	require.Equal(t, context.Canceled, a.startError(context.Canceled))
	require.NoError(t, a.startError(nil))
}

func TestOnlyAStarterThatCannotAnswerYetIsLeftOut(t *testing.T) {
	t.Parallel()
	unable, ended := &StartError{What: "answers 501", Answers: true}, &StartError{What: "ended at its start"}
	for name, c := range map[string]struct {
		n    int
		err  error
		left bool
	}{
		"a starter without the handler": {0, unable, true},
		"wrapped":                       {0, fmt.Errorf("start: %w", unable), true},
		"a starter that ended":          {0, ended, false},
		"the learner's":                 {1, unable, false},
		"the solution":                  {2, unable, false},
		"the disk is full":              {0, errors.New("no space left on device"), false},
		"all is well":                   {0, nil, false},
	} {
		var said []string
		m := &run{Options: Options{Progress: func(line string) { said = append(said, line) }}}
		for _, name := range []string{"starter", "yours", "solution"} {
			m.apis = append(m.apis, &api{Variant: Variant{Name: name}})
			m.figures = append(m.figures, &measurement.Figures{Name: name})
		}
		require.Equal(t, c.left, m.leaveOut(c.n, c.err), name)
		if !c.left {
			require.Len(t, m.apis, 3, name)
			require.Empty(t, said, name)
			continue
		}
		require.Equal(t, []string{"starter is left out: it answers 501"}, said)
		require.Len(t, m.apis, 2)
		require.Len(t, m.figures, 2)
		require.Equal(t, "yours", m.apis[0].Name)
		require.Equal(t, "yours", m.figures[0].Name, "each keeps its own figures")
	}
}

func TestAVariantHasTheLastWordInItsEnvironment(t *testing.T) {
	t.Parallel()
	a := &api{
		Variant:  Variant{Args: []string{"__ceiling", "row"}, Env: []string{"CACHE_TTL=1ms"}},
		scenario: &course.Scenario{Env: []string{"CACHE_TTL=1m", "DRAIN_DELAY=2s"}},
	}
	p := a.program("/bin/api")
	require.Equal(t, "/bin/api", p.Path)
	require.Equal(t, []string{"__ceiling", "row"}, p.Args)
	require.Equal(t, []string{"CACHE_TTL=1m", "DRAIN_DELAY=2s", "CACHE_TTL=1ms"}, p.Env[len(p.Env)-3:], "of two, the later one counts")
}

func TestTheSmallestHandlersAreNoSubcommand(t *testing.T) {
	t.Parallel()
	a := &api{backing: &backing.Services{}}
	serve, work, err := a.roles(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, "serve", serve.Command)
	require.True(t, serve.Listens)
	require.Empty(t, work.Command)
	require.Equal(t, "answer GET /events/42", serve.Goal)

	a.Args = []string{"__ceiling", "row"}
	serve, _, err = a.roles(t.Context(), false)
	require.NoError(t, err)
	require.Empty(t, serve.Command)
}

// own is this test binary as a variant: see main_test.go.
func own(t *testing.T, name string) Variant {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return Variant{Name: name, Binary: path}
}

func TestTheMigratorMakesTheDatabase(t *testing.T) {
	t.Parallel()
	a := &api{Variant: Variant{Name: "bare", Binary: "/nowhere", Migrator: own(t, "").Binary, Args: []string{"broken"}}, scenario: &course.Scenario{}}
	err := a.migrate(t.Context(), "postgres://nowhere")
	require.ErrorContains(t, err, "bare: `boxoffice migrate` failed")
	require.ErrorContains(t, err, "no schema", "it is this binary's migrate that ran, without the arguments of the handlers")
}

func TestAFleetServesDeploysAndLeaves(t *testing.T) {
	t.Parallel()
	worked := filepath.Join(t.TempDir(), "worker")
	v := own(t, "yours")
	v.Worker, v.Env = "work", []string{"FAKE_WORKED=" + worked}
	buys := []course.ScenarioRequest{{Method: "POST", Path: "/events/{on_sale}/orders", As: course.AsBuyer}}
	tap := tapToNowhere(t)
	a := &api{Variant: v, scenario: &course.Scenario{}, backing: &backing.Services{Worker: tap}, mix: newMix(buys, []int64{42})}
	f, err := a.start(t.Context(), 2, false)
	require.NoError(t, err)
	defer f.stop()

	require.Len(t, a.tokens, buyers)
	require.Equal(t, "of user4@example.com", a.tokens[0])
	require.Equal(t, "of user23@example.com", a.tokens[buyers-1])
	instances := f.fleet.Instances()
	require.Len(t, instances, 2)
	pids := []int{instances[0].Process().PID, instances[1].Process().PID}
	for _, i := range instances {
		require.NotEqual(t, i.Address(), f.address, "requests come to the balancer")
	}
	require.Eventually(t, func() bool { text, _ := os.ReadFile(worked); return len(text) > 0 }, 20*time.Second, 5*time.Millisecond, "the worker works")
	text, err := os.ReadFile(worked)
	require.NoError(t, err)
	worker, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)

	require.NoError(t, f.deploy(t.Context()))
	for n, i := range instances {
		require.NotEqual(t, pids[n], i.Process().PID, "it was restarted")
	}
	f.stop()
	for _, m := range f.fleet.Members() {
		require.False(t, m.Process().Running(), m.Name)
	}
	require.ErrorIs(t, syscall.Kill(worker, 0), syscall.ESRCH, "the worker is gone, too")
	cpu, memory := f.used()
	require.Equal(t, instances[0].Used()+instances[1].Used(), cpu, "of both instances, and not of the worker")
	require.Equal(t, max(instances[0].MostMemory(), instances[1].MostMemory()), memory)
	require.Positive(t, cpu)
	require.Positive(t, memory)
}

func TestAnAPIThatCannotAnswerYetLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	pid := filepath.Join(t.TempDir(), "pid")
	v := own(t, "starter")
	v.Env = []string{"FAKE_STATUS=501", "FAKE_PID=" + pid}
	a := &api{Variant: v, scenario: &course.Scenario{}, backing: &backing.Services{}, mix: newMix(looks().Requests, []int64{42})}
	_, err := a.start(t.Context(), 1, true)
	var down *StartError
	require.ErrorAs(t, err, &down)
	require.True(t, down.Answers)
	require.EqualError(t, err, "the API of the starter answers GET /events/42 with 501 Not Implemented; its last words:\n  serving")
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	served, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	require.ErrorIs(t, syscall.Kill(served, 0), syscall.ESRCH)
}
