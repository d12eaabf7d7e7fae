package companion

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// long is how long a test waits for what has to come.
const long = 10 * time.Second

// bookshelf are pages that hold what they were asked for.
type bookshelf struct{}

func (bookshelf) Page(path, token string) ([]byte, error) {
	if path != "index.html" && path != "steps/01-adding.html" {
		return nil, fmt.Errorf("page %s: %w", path, fs.ErrNotExist)
	}
	return []byte("page " + path + " token=" + token), nil
}

func (bookshelf) Comparison(step *course.Step, token string) ([]byte, error) {
	return []byte("comparison of " + step.Name + " token=" + token), nil
}

func (bookshelf) Missing(path, token string) ([]byte, error) {
	return []byte("no page " + path + " token=" + token), nil
}

func (bookshelf) Asset(name string) ([]byte, error) {
	if name != "live.js" {
		return nil, fs.ErrNotExist
	}
	return []byte("script"), nil
}

func (bookshelf) SearchIndex() ([]byte, error) { return []byte("index"), nil }

// run is a run of the tests that a rig decides about.
type run struct {
	step   *course.Step
	ctx    context.Context
	onTest func(runner.Test)
	say    func(string)
	finish chan *runner.Result // nil: the tests can't be run
}

// rig is a companion whose runs a test decides about.
type rig struct {
	t       *testing.T
	course  *course.Course
	runs    chan run
	needs   func(context.Context, func(string)) (func(), error)
	addr    string
	token   string
	origins []string
	stop    func() // ends the companion and waits for that

	mu    sync.Mutex
	steps []string // that the companion went over to
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, course: coursetest.New(t), runs: make(chan run)}
	r.needs = func(context.Context, func(string)) (func(), error) { return func() {}, nil }
	return r
}

// start starts the companion, at the address that it had before, if any.
func (r *rig) start() *rig {
	r.t.Helper()
	if r.addr == "" {
		r.addr = "127.0.0.1:0"
	}
	listener, err := Listen(r.addr)
	require.NoError(r.t, err)
	r.addr = listener.Addr().String()
	state, err := progress.Load(r.course.Root)
	require.NoError(r.t, err)
	c := New(Options{Course: r.course, Progress: state, Pages: bookshelf{}, Test: r.test, Needs: r.needs, OnStep: r.onStep, Origins: r.origins})
	r.token = c.token
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, listener) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(r.t, receive(r.t, done))
	})
	r.t.Cleanup(r.stop)
	return r
}

func (r *rig) onStep(s *course.Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s.Name)
}

// watched are the steps that the companion went over to.
func (r *rig) watched() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.steps)
}

// test is a run of the tests that waits for what finish says.
func (r *rig) test(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
	this := run{o.Step, ctx, onTest, o.Progress, make(chan *runner.Result)}
	select {
	case r.runs <- this:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case result := <-this.finish:
		if result == nil {
			return nil, fmt.Errorf("no go here")
		}
		return result, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(long):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// sample is what the tests of step 1 really say.
type sample struct {
	result *runner.Result
	err    error
}

// samples are made once: of the starter, the solution, and code that doesn't compile.
var samples = map[string]func(*testing.T) sample{}

func init() {
	for name, o := range map[string]struct {
		main     string
		solution bool
	}{"red": {}, "green": {solution: true}, "broken": {main: broken}} {
		var once sync.Once
		var made sample
		samples[name] = func(t *testing.T) sample {
			once.Do(func() {
				step := coursetest.New(t).Step(1)
				if o.main != "" {
					coursetest.Write(t, filepath.Join(step.Dir, "main.go"), o.main)
				}
				made.result, made.err = runner.Run(t.Context(), runner.Options{Step: step, Solution: o.solution}, nil)
				if made.err == nil {
					made.result.Load = 0 // whatever else this machine does
				}
			})
			return made
		}
	}
}

// broken is code that doesn't compile.
const broken = "package main\n\nfunc main() { x }\n"

func (r *rig) sample(name string) *runner.Result {
	r.t.Helper()
	made := samples[name](r.t)
	require.NoError(r.t, made.err)
	result := *made.result
	result.Tests = slices.Clone(result.Tests)
	return &result
}

func (r *rig) red() *runner.Result    { r.t.Helper(); return r.sample("red") }
func (r *rig) green() *runner.Result  { r.t.Helper(); return r.sample("green") }
func (r *rig) broken() *runner.Result { r.t.Helper(); return r.sample("broken") }

// save changes a file of step 1, as an editor does.
func (r *rig) save(content string) {
	r.t.Helper()
	coursetest.Write(r.t, filepath.Join(r.course.Step(1).Dir, "main.go"), content)
}

// ask sends a request; change may spoil it. The body of the answer is closed at the end.
func (r *rig) ask(method, path, body string, change func(*http.Request)) *http.Response {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.addr+path, strings.NewReader(body))
	require.NoError(r.t, err)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(tokenHeader, r.token)
	}
	if change != nil {
		change(request)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// get is what a GET answers with 200.
func (r *rig) get(path string) string {
	r.t.Helper()
	answer := r.ask(http.MethodGet, path, "", nil)
	text, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	require.Equal(r.t, http.StatusOK, answer.StatusCode, "%s: %s", path, text)
	return string(text)
}

// act is what an action answers, which has to have that status.
func act[T any](r *rig, status int, path, body string) T {
	r.t.Helper()
	answer := r.ask(http.MethodPost, path, body, nil)
	text, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	require.Equal(r.t, status, answer.StatusCode, "%s: %s", path, text)
	var value T
	require.NoError(r.t, json.Unmarshal(text, &value), "%s", text)
	return value
}

// tab is a page that looks.
type tab struct {
	t      *testing.T
	states chan State // closed when the stream ends
	raw    chan string
	last   State
	leave  func()
}

func (r *rig) open() *tab {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/api/events", nil)
	require.NoError(r.t, err)
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(r.t, err)
	require.Equal(r.t, "text/event-stream; charset=utf-8", answer.Header.Get("Content-Type"))
	p := &tab{t: r.t, states: make(chan State, 1000), raw: make(chan string, 1000), leave: cancel}
	go p.read(answer.Body)
	return p
}

func (p *tab) read(body io.ReadCloser) {
	defer close(p.states)
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	id := 0
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			next, err := strconv.Atoi(text)
			assert.NoError(p.t, err)
			assert.Greater(p.t, next, id, "ids grow")
			id = next
		}
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var s State
			assert.NoError(p.t, json.Unmarshal([]byte(text), &s), text)
			p.raw <- text
			p.states <- s
		}
	}
}

// sees waits for a state, and returns it.
func (p *tab) sees(what string, is func(State) bool) State {
	p.t.Helper()
	deadline := time.After(long)
	for {
		select {
		case s, ok := <-p.states:
			require.True(p.t, ok, "the stream ended before %s", what)
			p.last = s
			if is(s) {
				return s
			}
		case <-deadline:
			require.FailNow(p.t, "never seen: "+what, "the last was %+v", p.last)
		}
	}
}

// ended waits for the end of the stream.
func (p *tab) ended() {
	p.t.Helper()
	deadline := time.After(long)
	for {
		select {
		case _, ok := <-p.states:
			if !ok {
				return
			}
		case <-deadline:
			require.FailNow(p.t, "the stream goes on")
		}
	}
}

// tested is a state after a run.
func tested(s State) bool {
	return (s.State == Red || s.State == Green) && s.row("The tests can't be run") == ""
}
func running(s State) bool { return s.State == Running }

func (s State) task(number int) Light { return s.Steps[0].Tasks[number-1].State }

func (s State) row(label string) string {
	for _, row := range s.Rows {
		if row.Label == label {
			return row.Text
		}
	}
	return ""
}

// raw sends bytes and is the first line of the answer.
func (r *rig) rawRequest(text string) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	require.NoError(r.t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, text)
	require.NoError(r.t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(r.t, err)
	return strings.TrimSpace(line)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
