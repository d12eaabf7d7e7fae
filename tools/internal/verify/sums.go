package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/command"
)

// tidies makes a job of each module. What go mod tidy writes down depends on the tests of
// the packages of tools as well.
func tidies(r *round) []job {
	jobs := eachModule(job{long: 1}, tidy)(r)
	for i := range jobs {
		of := jobs[i].reads
		jobs[i].reads = func(in *reads) { of(in); in.allOfTools() }
	}
	return jobs
}

// tidy checks that go mod tidy leaves a module's go.mod and go.sum as they are. A learner
// who adds a dependency runs it, and wants to see that one line change.
func tidy(w *work, dir string) {
	out, err := w.command(dir, "GOWORK=off").Run(w.ctx, "go", "mod", "tidy", "-diff")
	switch {
	case err == nil:
	case refused.MatchString(out):
		w.skipped("go mod tidy can't get a module: %s", line(refused, out))
	default:
		w.add(filepath.Join(dir, "go.mod"), "GOWORK=off go mod tidy changes it or go.sum\n%s", command.FirstOf(out, err))
	}
}

// asked is what people and editors run in a workspace only to look at it, and which has
// the go command write down what it learns: gopls runs go list. The folder is seen from
// the root.
type asked struct {
	dir  string
	args []string
}

func (a asked) String() string { return "go " + strings.Join(a.args, " ") }

// workspace tells what cleanSums reads.
func (in *reads) workspace() {
	in.modules()
	in.group("workspace", func() map[string]string {
		files := map[string]string{}
		for _, rel := range in.descriptions() {
			files[rel] = filepath.Join(in.Course.Root, rel)
		}
		return files
	})
}

// onlyLooking lists them. The one that calculates most comes last.
func (w *work) onlyLooking() []asked {
	list := []asked{{".", []string{"list", "-m", "all"}}}
	if len(w.steps) > 0 {
		step := w.rel(w.steps[0].Dir)
		list = append(list, asked{step, []string{"doc", labPath}}, asked{step, []string{"mod", "graph"}})
	}
	return append(list, asked{".", []string{"work", "sync"}})
}

// completed is how an author writes down what is missing.
const completed = "what to run after a change of modules stands in tools/README.md, \"Dependencies, and why\""

// cleanSums checks that go.work.sum, and each go.mod and go.sum, say all that the go
// command wants to know. Else a fresh clone has changes that nobody made, as soon as
// somebody looks at it. It looks in a copy.
func cleanSums(w *work) {
	dir, remove, err := w.scratch.folder("workspace")
	if err != nil {
		w.add(w.Course.Root, "%v", err)
		return
	}
	defer remove()
	if err := w.copyWorkspace(dir); err != nil {
		w.add(w.Course.Root, "%v", err)
		return
	}
	for _, a := range w.onlyLooking() {
		out, err := w.command(filepath.Join(dir, a.dir), "GOWORK=").Run(w.ctx, "go", a.args...)
		if err != nil && refused.MatchString(out) {
			w.skipped("%s can't get a module: %s", a, line(refused, out))
			return
		}
		if err != nil {
			w.add(w.Course.Root, "%s\n%s", a, command.FirstOf(out, err))
			return
		}
		if w.changedBy(a, dir) {
			return
		}
	}
	w.allSummed(dir)
}

// workspaceModules lists the folders of all modules, also in a round about some steps: a
// workspace has one set of versions.
func (r *round) workspaceModules() []string {
	dirs := []string{r.tools()}
	for _, s := range r.Course.Steps {
		dirs = append(dirs, s.Dir, s.SolutionDir)
	}
	return dirs
}

// copyWorkspace copies the modules' Go files and what describes modules.
func (w *work) copyWorkspace(to string) error {
	files := slices.DeleteFunc(w.descriptions(), func(file string) bool { return !exists(filepath.Join(w.Course.Root, file)) })
	for _, dir := range w.workspaceModules() {
		for _, file := range w.goFiles(dir) {
			files = append(files, w.rel(file))
		}
	}
	for _, rel := range files {
		if err := copyFile(filepath.Join(w.Course.Root, rel), filepath.Join(to, rel)); err != nil {
			return fmt.Errorf("copy the workspace: %w", err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	src, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, src, 0o644)
}

// descriptions names go.work, go.work.sum, and each go.mod and go.sum, whether there is
// one or not, as seen from the root.
func (r *round) descriptions() []string {
	files := []string{"go.work", "go.work.sum"}
	for _, dir := range r.workspaceModules() {
		files = append(files, filepath.Join(r.rel(dir), "go.mod"), filepath.Join(r.rel(dir), "go.sum"))
	}
	return files
}

// changedBy tells what a command has changed in the copy, and whether it has.
func (w *work) changedBy(a asked, dir string) bool {
	changed := false
	for _, file := range w.descriptions() {
		was, _ := os.ReadFile(filepath.Join(w.Course.Root, file)) // nothing when there is none
		is, _ := os.ReadFile(filepath.Join(dir, file))
		if bytes.Equal(was, is) {
			continue
		}
		changed = true
		w.add(filepath.Join(w.Course.Root, file), "%s changes it; %s\n%s", a, completed, added(was, is))
	}
	return changed
}

// added is the lines of a file that weren't there before, or what else has happened.
func added(was, is []byte) string {
	before := map[string]bool{}
	for l := range strings.Lines(string(was)) {
		before[l] = true
	}
	var b strings.Builder
	for l := range strings.Lines(string(is)) {
		if !before[l] {
			b.WriteString("+ " + l)
		}
	}
	if b.Len() == 0 {
		return "lines are gone"
	}
	return b.String()
}

// allSummed checks that the checksum of each module is written down which the workspace
// selects. go mod download would add the others; it isn't run, since it fetches hundreds
// of megabytes that no package needs.
func (w *work) allSummed(dir string) {
	format := `{{with or .Replace .}}{{if .Version}}{{.Path}} {{.Version}}{{end}}{{end}}`
	out, err := w.command(dir, "GOWORK=").Output(w.ctx, "go", "list", "-m", "-f", format, "all")
	if err != nil {
		w.add(w.Course.Root, "%v", err)
		return
	}
	var sums strings.Builder
	for _, file := range w.descriptions() {
		src, _ := os.ReadFile(filepath.Join(dir, file)) // nothing when there is none
		fmt.Fprintf(&sums, "\n%s", src)
	}
	missing := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(module string) bool {
		return module == "" || strings.Contains(sums.String(), "\n"+module+" h1:")
	})
	if len(missing) > 0 {
		w.add(filepath.Join(w.Course.Root, "go.work.sum"), "go mod download adds the checksums of %d modules; %s\n%s",
			len(missing), completed, strings.Join(missing, "\n"))
	}
}

// editorsModule checks that gopls is told to look at the module of the open file alone: on
// the whole workspace it takes gigabytes. Each module stands on its own.
func (w *work) editorsModule() {
	file := filepath.Join(w.Course.Root, ".vscode", "settings.json")
	src, err := os.ReadFile(file)
	var settings struct {
		Gopls struct {
			Env map[string]string `json:"build.env"`
		} `json:"gopls"`
	}
	if err == nil {
		err = json.Unmarshal(src, &settings)
	}
	if err != nil {
		w.add(file, "%v", err)
	} else if got := settings.Gopls.Env["GOWORK"]; got != "off" {
		w.add(file, "gopls, build.env has GOWORK=%q and must have \"off\": gopls would load all modules at once", got)
	}
}
