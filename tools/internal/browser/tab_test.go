package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// long is how long a test waits for what has to come.
const long = 20 * time.Second

// tab is a page of the browser. What its console and its network complain about fails
// the test at its end.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	addresses  map[network.RequestID]string
}

// open opens a tab that shares no storage with those of other tests. The test is skipped
// where there is no browser.
func open(t *testing.T) *tab {
	t.Helper()
	browser, err := chromium()
	if err != nil {
		t.Skip(err)
	}
	return newTab(t, browser, chromedp.WithNewBrowserContext())
}

// another opens a tab beside p, with the same storage.
func (p *tab) another() *tab {
	p.t.Helper()
	return newTab(p.t, p.ctx)
}

func newTab(t *testing.T, parent context.Context, o ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, leave := chromedp.NewContext(parent, o...)
	p := &tab{t: t, ctx: ctx, addresses: map[network.RequestID]string{}}
	t.Cleanup(leave)
	t.Cleanup(func() { assert.Empty(t, p.takeComplaints(), "the console and the network have nothing to say") })
	require.NoError(t, chromedp.Listen(ctx, p.hear))
	tell(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.media("")
	return p
}

// hear notes errors.
func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	complain := func(format string, args ...any) { p.complaints = append(p.complaints, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var said []string
			for _, arg := range e.Args {
				said = append(said, string(arg.Value)+arg.Description)
			}
			complain("console: %s", strings.Join(said, " "))
		}
	case *runtime.EventExceptionThrown:
		complain("exception: %v", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			complain("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		p.addresses[e.RequestID] = e.Request.URL
	case *network.EventLoadingFailed:
		if !e.Canceled {
			complain("not loaded: %s: %s", p.addresses[e.RequestID], e.ErrorText)
		}
	}
}

// takeComplaints is what was complained about since it was last asked.
func (p *tab) takeComplaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.complaints
	p.complaints = nil
	return list
}

// within bounds what a tab is asked to do.
func (p *tab) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, long)
}

// tell sends a command of the protocol.
func tell[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	answer, err := chromedp.Call(ctx, command, params)
	require.NoError(p.t, err)
	return answer
}

// do does what a hand or an eye does.
func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...), "at %s", p.place())
}

// load opens an address, or a page of the built site by its path.
func (p *tab) load(address string) *tab {
	p.t.Helper()
	if !strings.Contains(address, "://") {
		address = fileURL(filepath.Join(builtSite(p.t).dir, filepath.FromSlash(address)))
	}
	p.do(chromedp.Navigate(address))
	return p
}

func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// ask is what an expression of JavaScript comes to, also one that is a promise.
func ask[T any](p *tab, js string) T {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, "%s", js)
	return value
}

// text is what an element holds, with spaces as a reader sees them.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return ask[string](p, fmt.Sprintf(`(document.querySelector(%s)?.textContent ?? "no such element").trim().replace(/\s+/g, " ")`, quoted(selector)))
}

// until waits for what an expression says.
func (p *tab) until(what, js string) {
	p.t.Helper()
	deadline := time.Now().Add(long)
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for {
		ctx, cancel := p.within()
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+js+`)`))
		cancel()
		if err == nil && is { // an error while another page loads is no answer yet
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(p.t, "never seen: "+what, "at %s: %s\n%v", p.place(), js, err)
		}
		<-beat.C
	}
}

// place is where the tab is, for messages.
func (p *tab) place() string {
	ctx, cancel := p.within()
	defer cancel()
	place, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return place
}

// arrives waits until a page is loaded whose address ends so.
func (p *tab) arrives(end string) {
	p.t.Helper()
	p.until(end, fmt.Sprintf(`document.readyState === "complete" && location.href.endsWith(%s)`, quoted(end)))
}

// click clicks the first visible element.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// press presses keys, wherever the focus is.
func (p *tab) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// prefers says which colours the system wants: light or dark.
func (p *tab) prefers(scheme string) {
	p.t.Helper()
	p.media("", emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme})
}

// media says what the page is shown on. Nothing scrolls smoothly, so that what is clicked
// stays where it is.
func (p *tab) media(kind string, features ...emulation.MediaFeature) {
	p.t.Helper()
	params := emulation.SetEmulatedMediaParams{Media: kind}
	for _, feature := range append(features, emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}) {
		params.Features = append(params.Features, &feature)
	}
	tell(p, emulation.SetEmulatedMedia, params)
}

// phone makes the window as wide as a small phone.
func (p *tab) phone() {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateTouch))
}

// desk makes the window as wide as on a desk. A viewport that is only reset may keep what a
// media query said of the phone.
func (p *tab) desk() {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(1280, 800))
}

func quoted(text string) string {
	src, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(src)
}
