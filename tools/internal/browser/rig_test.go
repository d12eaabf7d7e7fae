package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/companion"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// rig is a companion over a small course with the site's own templates and assets. A test
// decides what the runs of a step's tests come to.
type rig struct {
	t      *testing.T
	course *course.Course
	runs   chan run
	addr   string
	stop   func() // ends the companion and waits for that
}

// run is a run of the tests that goes on until finish gets its result.
type run struct {
	step   *course.Step
	onTest func(runner.Test)
	finish chan *runner.Result
}

// newRig starts a companion. The test is skipped where there is no browser.
func newRig(t *testing.T) *rig {
	t.Helper()
	if _, err := chromium(); err != nil {
		t.Skip(err)
	}
	r := &rig{t: t, course: newCourse(t), runs: make(chan run), addr: "127.0.0.1:0"}
	return r.start()
}

// newCourse is coursetest's, with the pages of a whole site.
func newCourse(t *testing.T) *course.Course {
	t.Helper()
	root := coursetest.New(t).Root
	for _, name := range []string{"templates", "assets"} {
		from := filepath.Join("..", "..", "..", "site", name)
		require.NoError(t, os.CopyFS(filepath.Join(root, "site", name), os.DirFS(from)))
	}
	for name, text := range pages {
		coursetest.Write(t, filepath.Join(root, "site", "content", name), text)
	}
	return coursetest.Open(t, root)
}

// pages are the fixture's texts.
var pages = map[string]string{
	"home.md":         "---\ntitle: Count with us\nsummary: two steps, two numbers\n---\n# Count with us\n\n## Start\n\n```sh\ngo tool workshop start\n```\n\n## Why\n\nTo count.\n",
	"guides/setup.md": "---\ntitle: Set up\nsummary: what you need\norder: 1\n---\n# Set up\n\n## Go\n\nThat is all.\n",
	"steps/01-adding.md": `---
title: Adding up
summary: two numbers become one
minutes: 5
measures: two numbers have one sum
builds_on: []
tracks: [half-day]
learned: [A sum is the same from both ends.]
tasks:
  - title: Add returns the sum
    tests: [TestAdd]
  - title: negative numbers count
    tests: [TestNegative]
---
# Adding up

## The story

Somebody adds.

## Your tasks

**Task 1.** Add returns the sum of its numbers.

**Task 2.** Negative numbers count, too.

## What changed

It adds.

## Speaker notes

- Speak slowly.
`,
	"steps/02-doubling.md": `---
title: Doubling
summary: one number becomes twice itself
minutes: 5
measures: twice is twice
builds_on: [1]
tracks: [half-day]
learned: [Twice is plus itself.]
tasks:
  - title: Double returns twice the number
    tests: [TestDouble]
---
# Doubling

## The story

Somebody doubles.

## Your tasks

**Task 1.** Double returns twice its number.
`,
}

// start starts the companion, at the address that it had before, if any.
func (r *rig) start() *rig {
	r.t.Helper()
	listener, err := companion.Listen(r.addr)
	require.NoError(r.t, err)
	r.addr = listener.Addr().String()
	state, err := progress.Load(r.course.Root)
	require.NoError(r.t, err)
	site, err := companion.SitePages(r.course)
	require.NoError(r.t, err)
	c := companion.New(companion.Options{
		Course: r.course, Progress: state, Pages: site, Test: r.test,
		Needs: func(context.Context, func(string)) (func(), error) { return func() {}, nil },
	})
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

// test is a run of the tests that waits for what finish says.
func (r *rig) test(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
	this := run{o.Step, onTest, make(chan *runner.Result)}
	select {
	case r.runs <- this:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case result := <-this.finish:
		if result == nil {
			return nil, errors.New("there is no go here")
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

// ends ends the next run with a result.
func (r *rig) ends(result *runner.Result) {
	r.t.Helper()
	receive(r.t, r.runs).finish <- result
}

// save changes a file of step 1, as an editor does.
func (r *rig) save(content string) {
	r.t.Helper()
	coursetest.Write(r.t, filepath.Join(r.course.Step(1).Dir, "main.go"), content)
}

// url is the address of a page.
func (r *rig) url(path string) string { return "http://" + r.addr + "/" + path }

// open opens a page of the companion.
func (r *rig) open(path string) *tab {
	r.t.Helper()
	return open(r.t).load(r.url(path))
}

// shows waits until a task has a state, in words and colour.
func (p *tab) shows(task int, state, words string) {
	p.t.Helper()
	p.until(fmt.Sprintf("task %d %s", task, state), fmt.Sprintf(
		`(state => state.dataset.state === %s && state.textContent.trim() === %s)(document.querySelector("#task-%d .state"))`,
		quoted(state), quoted(words), task))
}

// says waits for the bar's line.
func (p *tab) says(line string) {
	p.t.Helper()
	p.until(line, `document.querySelector(".live").textContent.includes(`+quoted(line)+`)`)
}

// clickButton clicks the first visible button with a text.
func (p *tab) clickButton(text string) {
	p.t.Helper()
	p.until("a button "+text, `window.wanted = [...document.querySelectorAll("button, summary, a")].find(b => b.innerText.trim() === `+quoted(text)+` && b.checkVisibility())`)
	p.do(chromedp.Click(chromedp.JSPath("wanted"), chromedp.NodeVisible))
}

// sample is what the tests of step 1 really say of the starter. They run once.
var sample struct {
	once   sync.Once
	result *runner.Result
	err    error
}

// red is a run in which both tasks fail.
func (r *rig) red() *runner.Result {
	r.t.Helper()
	sample.once.Do(func() {
		sample.result, sample.err = runner.Run(r.t.Context(), runner.Options{Step: r.course.Step(1)}, nil)
		if sample.err == nil {
			sample.result.Load = 0 // whatever else this machine does
		}
	})
	require.NoError(r.t, sample.err)
	require.Len(r.t, sample.result.Tests, 3, sample.result.Build)
	result := *sample.result
	result.Tests = slices.Clone(result.Tests)
	return &result
}

// green is a run in which every test passes.
func (r *rig) green() *runner.Result {
	r.t.Helper()
	result := r.red()
	for i := range result.Tests {
		result.Tests[i].Status, result.Tests[i].Output = runner.Passed, ""
	}
	return result
}

// broken is a run of code that doesn't compile.
func (r *rig) broken() *runner.Result {
	r.t.Helper()
	result := r.red()
	result.Tests, result.Build = nil, "main.go:3:15: undefined: <b>x</b>"
	return result
}

// disconnected are the complaints of a browser whose companion is away.
var disconnected = regexp.MustCompile(`net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)|status of 403`)

// forgives takes away the complaints that a companion's end makes.
func (p *tab) forgives() {
	p.t.Helper()
	left := slices.DeleteFunc(p.takeComplaints(), disconnected.MatchString)
	assert.Empty(p.t, left, strings.Join(left, "\n"))
}
