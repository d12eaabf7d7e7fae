package verify

import (
	"bytes"
	"go/format"
	"os"
	"regexp"
	"strings"

	"example.com/boxoffice/tools/internal/command"
)

// The linters that are not Go's own, by pinned version: the go command fetches them.
const (
	staticcheckTool = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"
	govulncheckTool = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
	// vulnerabilities is the Go vulnerability database as a module.
	vulnerabilities = "golang.org/x/vulndb@latest"
)

// gofmt formats every Go file in memory and compares.
func gofmt(w *work) {
	for _, dir := range w.modules() {
		for _, file := range w.goFiles(dir) {
			src, err := os.ReadFile(file)
			if err != nil {
				w.add(file, "%v", err)
				continue
			}
			formatted, err := format.Source(src)
			if err != nil {
				w.add(file, "%v", err)
			} else if !bytes.Equal(src, formatted) {
				w.add(file, "is not formatted; gofmt -w %s", w.rel(file))
			}
		}
	}
}

// vet runs go vet over all modules at once.
func vet(w *work) {
	args := append([]string{"vet"}, w.patterns(w.modules())...)
	if out, err := w.command(w.Course.Root).Run(w.ctx, "go", args...); err != nil {
		w.add(w.Course.Root, "go vet\n%s", command.FirstOf(out, err))
	}
}

// patterns names all packages of the modules in dirs, as seen from the root.
func (r *round) patterns(dirs []string) []string {
	var list []string
	for _, dir := range dirs {
		list = append(list, "./"+r.rel(dir)+"/...")
	}
	return list
}

// staticcheck runs over all modules, with its default checks. A gap may leave a function
// without a caller, so that one check (U1000) spares the starters.
func staticcheck(w *work) {
	if !w.available(staticcheckTool) {
		return
	}
	var starters, others []string
	for _, s := range w.steps {
		starters, others = append(starters, s.Dir), append(others, s.SolutionDir)
	}
	if !w.partial {
		others = append(others, w.tools())
	}
	w.lint(others)
	w.lint(starters, "-checks", "inherit,-U1000")
}

func (w *work) lint(dirs []string, flags ...string) {
	args := append([]string{"run", staticcheckTool}, flags...)
	out, err := w.command(w.Course.Root).Run(w.ctx, "go", append(args, w.patterns(dirs)...)...)
	if err != nil {
		w.add(w.Course.Root, "staticcheck\n%s", command.FirstOf(out, err))
	}
}

// refused matches the line in which the go command says why it can't fetch a module.
var refused = regexp.MustCompile(`(?i)forbidden|not found|no such host|dial tcp|connection refused|timeout|proxyconnect|not available|module lookup disabled|server response`)

// available reports that the go command can run a tool, and skips the check with the
// reason when it can't be had.
func (w *work) available(tool string) bool {
	out, err := w.command(w.Course.Root).Run(w.ctx, "go", "run", tool, "-version")
	if err == nil {
		return true
	}
	if refused.MatchString(out) {
		w.skipped("can't get %s: %s", tool, line(refused, out))
	} else {
		w.add(w.Course.Root, "go run %s -version\n%s", tool, command.FirstOf(out, err))
	}
	return false
}

// line is the first line of out that matches, shortened to what it ends in.
func line(re *regexp.Regexp, out string) string {
	for l := range strings.Lines(out) {
		if l = strings.TrimSpace(l); re.MatchString(l) {
			if i := strings.LastIndex(l, ".go:"); i >= 0 {
				_, l, _ = strings.Cut(l[i:], " ")
			}
			return l
		}
	}
	return strings.TrimSpace(out)
}
