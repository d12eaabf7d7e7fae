package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The programs that judge pages. .ci/run installs them, and names them by these variables.
const (
	axeVariable      = "WORKSHOP_AXE"           // axe.min.js
	validateVariable = "WORKSHOP_HTML_VALIDATE" // the command html-validate
)

// fromNpm is what judges need of npm, at the versions that .ci/run installs.
const fromNpm = "npm install --prefix .workshop/npm axe-core@4.14.1 html-validate@9.7.1"

// readAxe reads axe-core once.
var readAxe = sync.OnceValues(func() (string, error) {
	path := os.Getenv(axeVariable)
	if path == "" {
		return "", missing("no page was looked at by axe-core, since "+axeVariable+" names no axe.min.js",
			fromNpm+"; then "+axeVariable+"=$PWD/.workshop/npm/node_modules/axe-core/axe.min.js")
	}
	src, err := os.ReadFile(path)
	return string(src), err
})

// needsAxe skips the test where there is no axe-core.
func needsAxe(t *testing.T) string {
	t.Helper()
	src, err := readAxe()
	if os.Getenv(axeVariable) == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	return src
}

// violation is what axe found against one of its rules.
type violation struct {
	Rule  string
	Help  string
	Where []string
}

// judge has axe look at the page as it is now. It needn't fetch the styles again: from
// files it may not.
const judge = `axe.run(document, { preload: false, resultTypes: ["violations"] }).then(found => found.violations.map(v => ({
	rule: v.id, help: v.help + " " + v.helpUrl,
	where: v.nodes.slice(0, 5).map(n => n.target.join(" ") + ": " + n.html.slice(0, 120) + " " + [...n.any, ...n.all, ...n.none].map(c => c.message).join("; ")),
})))`

// accessible checks the page with axe, in both themes, with all unfolded.
func (p *tab) accessible(what string) {
	p.t.Helper()
	axe := needsAxe(p.t)
	ask[any](p, unfold)
	if !ask[bool](p, `"axe" in window`) {
		ask[any](p, axe+"\n;null")
	}
	for _, scheme := range []string{"light", "dark"} {
		p.prefers(scheme)
		assert.Empty(p.t, ask[[]violation](p, judge), "%s, %s", what, scheme)
	}
}

func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	needsAxe(t)
	for _, path := range builtSite(t).kinds() {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			open(t).load(path).accessible(path)
		})
	}
}

func TestWhatOpensIsAccessible(t *testing.T) {
	t.Parallel()
	needsAxe(t)
	p := open(t).load("index.html")
	p.press("/")
	p.until("the search", `document.activeElement.matches("dialog input")`)
	p.press("pool")
	p.until("results", `document.querySelector("dialog[open] .search-results mark")`)
	p.accessible("the search")
	p.phone()
	p.load(builtSite(t).step(t, "06")).click(".menu-fold > summary")
	p.until("the menu", `document.querySelector(".menu-fold .menu").checkVisibility()`)
	p.accessible("the menu on a phone")
}

func TestEveryPageIsValidHTML(t *testing.T) {
	t.Parallel()
	program := os.Getenv(validateVariable)
	if program == "" {
		t.Skip(missing("no page was checked by html-validate, since "+validateVariable+" names no program",
			fromNpm+"; then "+validateVariable+"=$PWD/.workshop/npm/node_modules/.bin/html-validate"))
	}
	var pages []string
	for _, path := range builtSite(t).paths {
		pages = append(pages, filepath.Join(builtSite(t).dir, filepath.FromSlash(path)))
	}
	found := validate(t, program, pages)
	assert.Empty(t, found[:min(len(found), 20)], "%d faults", len(found))
}

// validate is what html-validate's standard rules, all of them, find in files.
func validate(t *testing.T, program string, files []string) []string {
	t.Helper()
	config, err := json.Marshal(map[string]any{"root": true, "extends": []string{"html-validate:standard"}})
	require.NoError(t, err)
	dir := t.TempDir()
	settings, answer := filepath.Join(dir, "config.json"), filepath.Join(dir, "found.json")
	require.NoError(t, os.WriteFile(settings, config, 0o644))
	said, err := exec.CommandContext(t.Context(), program, append([]string{"--config", settings, "--formatter", "json=" + answer}, files...)...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) { // it ends with 1 when it found something
		require.NoError(t, err)
	}
	src, err := os.ReadFile(answer)
	require.NoError(t, err, "%s", said)
	var reports []struct {
		FilePath string
		Messages []struct {
			RuleID, Message string
			Line, Column    int
		}
	}
	require.NoError(t, json.Unmarshal(src, &reports))
	var found []string
	for _, report := range reports {
		name := strings.TrimPrefix(report.FilePath, folder)
		for _, m := range report.Messages {
			found = append(found, fmt.Sprintf("%s:%d:%d: %s (%s)", name, m.Line, m.Column, m.Message, m.RuleID))
		}
	}
	return found
}
