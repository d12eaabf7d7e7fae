package verify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/version"
	"io"
	"path/filepath"
	"strings"

	"example.com/boxoffice/tools/internal/command"
)

// govulncheck looks for vulnerable packages in all modules, and where it finds one, whether
// something calls what is vulnerable in it: to find that out takes a hundred times as long,
// and 3 GB. It has the database from the module proxy, from which all else comes, too.
// It wants to stand in a module, not at the root of a workspace.
func govulncheck(w *work) {
	if !w.available(govulncheckTool) {
		return
	}
	database, ok := w.downloadVulnerabilities()
	if !ok {
		return
	}
	scan := func(arguments ...string) (string, error) {
		arguments = append([]string{"run", govulncheckTool, "-db", "file://" + database}, arguments...)
		return w.command(w.tools()).Run(w.ctx, "go", append(arguments, "work")...)
	}
	out, err := scan("-scan", "package", "-format", "json")
	found, err2 := readVulnerable(strings.NewReader(out))
	if err != nil || err2 != nil {
		w.add(w.Course.Root, "govulncheck -scan package\n%s", command.FirstOf(out, err))
		return
	}
	if len(found.ofModules) > 0 {
		out, err := scan()
		if calls := strings.Contains(out, "exit status 3"); err != nil && !(calls && found.onlyGo(out)) {
			w.add(w.Course.Root, "govulncheck\n%s", command.FirstOf(out, err))
		}
	}
	if len(found.ofGo) > 0 {
		w.note = fmt.Sprintf("Go itself has %d known ones in packages that are used here: %s mends them", len(found.ofGo), found.mendedIn())
	}
}

// downloadVulnerabilities returns the folder of the database's entries. It is false when
// the database can't be had, which is told.
func (w *work) downloadVulnerabilities() (folder string, ok bool) {
	out, err := w.command(w.scratch.dir, "GOWORK=off").Run(w.ctx, "go", "mod", "download", "-json", vulnerabilities)
	var module struct{ Dir, Error string }
	if _ = json.Unmarshal([]byte(out), &module); module.Dir == "" {
		w.skipped("the vulnerability database can't be had: %s", cmp.Or(module.Error, command.FirstOf(out, err)))
		return "", false
	}
	return filepath.ToSlash(filepath.Join(module.Dir, "data", "osv")), true
}

// vulnerable is what govulncheck found in packages that are imported.
type vulnerable struct {
	ofModules map[string]string // the version that mends it, by the vulnerability's name
	ofGo      map[string]string // the same for Go's own packages
}

// readVulnerable reads what `govulncheck -format json` prints: values of which those with a
// finding that names a package count. See golang.org/x/vuln/internal/govulncheck.
func readVulnerable(from io.Reader) (*vulnerable, error) {
	all := &vulnerable{map[string]string{}, map[string]string{}}
	for messages := json.NewDecoder(from); ; {
		var message struct {
			Finding *struct {
				OSV   string
				Fixed string `json:"fixed_version"`
				Trace []struct{ Module, Package string }
			}
		}
		switch err := messages.Decode(&message); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("read what govulncheck prints: %w", err)
		}
		f := message.Finding
		switch {
		case f == nil || len(f.Trace) == 0 || f.Trace[0].Package == "":
		case f.Trace[0].Module == "stdlib" || f.Trace[0].Module == "toolchain":
			all.ofGo[f.OSV] = f.Fixed
		default:
			all.ofModules[f.OSV] = f.Fixed
		}
	}
}

// onlyGo reports whether a scan for calls names no vulnerability of a module.
func (v *vulnerable) onlyGo(said string) bool {
	for name := range v.ofModules {
		if _, called, _ := strings.Cut(said, "Symbol Results"); strings.Contains(called, name) {
			return false
		}
	}
	return true
}

// mendedIn is the newest Go that some vulnerability of Go's own asks for.
func (v *vulnerable) mendedIn() string {
	newest := ""
	for _, fixed := range v.ofGo { // such as v1.26.9
		if fixed := "go" + strings.TrimPrefix(fixed, "v"); version.Compare(fixed, newest) > 0 {
			newest = fixed
		}
	}
	return "Go " + strings.TrimPrefix(newest, "go")
}
