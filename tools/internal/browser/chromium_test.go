package browser

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// folder is the package's own: the browser's profile, and the built site. It goes with
// the browser, or when the tests end.
var folder string

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "boxoffice-browser-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	defer func() { stopChromium() }()
	return m.Run()
}

// stopChromium ends the browser, once one runs.
var stopChromium = func() {}

// chromium is the one browser of all tests, started by the first that needs it. The
// error says what to install.
var chromium = sync.OnceValues(func() (context.Context, error) {
	program, err := findChromium()
	if err != nil {
		return nil, err
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(filepath.Join(folder, "profile")),
		chromedp.WindowSize(1400, 900),
		chromedp.ModifyCmdFunc(held),
	)...)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	stopChromium = func() { _ = chromedp.Cancel(ctx) }
	return ctx, nil
})

// findChromium is the program, or an error with the command that installs one.
func findChromium() (string, error) {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", missing("no page was opened in a browser, since there is no chromium or google-chrome on PATH", installChromium())
}

// installChromium is the command that installs a browser on this machine.
func installChromium() string {
	for _, way := range [][2]string{
		{"brew", "brew install --cask google-chrome"},
		{"apt-get", "sudo apt-get update && sudo apt-get install -y chromium"},
		{"dnf", "sudo dnf install -y chromium"},
		{"pacman", "sudo pacman -S --noconfirm chromium"},
		{"zypper", "sudo zypper install -y chromium"},
		{"apk", "apk add chromium   (as root)"},
	} {
		if _, err := exec.LookPath(way[0]); err == nil {
			return way[1]
		}
	}
	if runtime.GOOS == "darwin" {
		return "see https://www.google.com/chrome/"
	}
	return "see https://www.chromium.org/getting-involved/download-chromium/"
}

// missing says what wasn't looked at, and how to have it looked at. `verify` tells the
// reasons of skipped tests that name what to install.
func missing(what, command string) error { return fmt.Errorf("%s; to install it: %s", what, command) }

// held has the browser started by a shell that outlives the tests, however they end, and
// removes the folder then. The browser itself ends with its pipe to the tests, also when
// they are killed.
func held(cmd *exec.Cmd) {
	const script = `trap : INT TERM; folder=$1; shift; "$@"; code=$?; rm -rf "$folder"; exit $code`
	cmd.Args = append([]string{"sh", "-c", script, "sh", folder, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Err = "/bin/sh", nil
}

// browserHeld is the environment variable that makes TestHolder hold a browser, with the
// page that it names.
const browserHeld = "BROWSER_TEST_PAGE"

func TestHolder(t *testing.T) {
	page := os.Getenv(browserHeld)
	if page == "" {
		t.Skip("it is a part of TestChromiumIsGoneWhenItsTestsAreKilled")
	}
	open(t).load(page)
	fmt.Println(folder)
	time.Sleep(time.Minute)
}

func TestChromiumIsGoneWhenItsTestsAreKilled(t *testing.T) {
	t.Parallel()
	if _, err := findChromium(); err != nil {
		t.Skip(err)
	}
	gone := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stream" {
			fmt.Fprint(w, `<!doctype html><title>held</title><script>new EventSource("/stream")</script>`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	}))
	defer server.Close()
	holder := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	holder.Env = append(os.Environ(), browserHeld+"="+server.URL)
	said, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	t.Cleanup(func() { _ = holder.Process.Kill() })
	lines := bufio.NewScanner(said)
	require.True(t, lines.Scan(), "it says when the page is open")
	profile := lines.Text()
	require.DirExists(t, profile)
	require.NoError(t, holder.Process.Kill())
	_ = holder.Wait()
	select {
	case <-gone:
	case <-time.After(long):
		require.FailNow(t, "the page is still open")
	}
	require.Eventually(t, func() bool { _, err := os.Stat(profile); return os.IsNotExist(err) }, long, 5*time.Millisecond,
		"the profile goes, too")
}
