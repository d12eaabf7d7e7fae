package verify

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/proof"
	"example.com/boxoffice/tools/internal/services/postgres"
)

// reads collects what a job reads: all that its verdict depends on.
type reads struct {
	*proof.Inputs
	*ground
	fresh bool // look at each file again, whatever was seen before
}

// ground is what the jobs of a round read together.
type ground struct {
	*round
	files   proof.Files
	machine equipment
	tools   map[string][]string // the files of each package of tools, by folder
	imports map[string][]string // the folders that each package of tools imports, tests aside

	mu     sync.Mutex
	groups map[string]string   // sums of files that were hashed
	needs  map[string][]string // the packages of tools that a module imports, by its folder and sum
}

// newGround looks at the machine and at the packages of tools.
func newGround(ctx context.Context, r *round) (*ground, error) {
	g := &ground{round: r, groups: map[string]string{}, needs: map[string][]string{}, tools: map[string][]string{}, imports: map[string][]string{}}
	var err error
	if g.machine, err = lookAtMachine(ctx, r.Course.Root); err != nil {
		return nil, err
	}
	return g, g.readTools()
}

// key is the hash of what a job reads, "" for one that is never remembered.
func (g *ground) key(j job, fresh bool) string {
	if j.reads == nil {
		return ""
	}
	in := &reads{Inputs: proof.NewInputs(&g.files), ground: g, fresh: fresh}
	in.Value("check", j.check)
	in.Value("machine", g.machine.all)
	in.packages("internal/verify")
	j.reads(in)
	return in.Key()
}

// group tells many files at once, and returns the sum. They are hashed once a round, unless
// they are to be looked at again.
func (in *reads) group(name string, list func() map[string]string) string {
	in.mu.Lock()
	sum, ok := in.groups[name]
	in.mu.Unlock()
	if !ok || in.fresh {
		of := proof.NewInputs(&in.ground.files)
		files := list()
		for _, rel := range slices.Sorted(maps.Keys(files)) {
			of.File(rel, files[rel])
		}
		sum = of.Key()
		in.mu.Lock()
		in.groups[name] = sum
		in.mu.Unlock()
	}
	in.Value(name, sum)
	return sum
}

// module tells all files of a module, the packages of tools that it imports, and the
// versions of what else it is built from.
func (in *reads) module(dir string) {
	in.packages(in.toolsOf(dir, in.moduleFiles(dir))...)
	in.versions()
}

func (in *reads) moduleFiles(dir string) (sum string) {
	return in.group("module "+in.rel(dir), func() map[string]string { return filesIn(dir) })
}

func filesIn(dir string) map[string]string {
	list, err := course.Files(dir)
	files := map[string]string{}
	for _, rel := range list {
		files[rel] = filepath.Join(dir, rel)
	}
	if err != nil {
		files["?"] = err.Error()
	}
	return files
}

// toolsOf are the folders of the packages of tools that a module's files import, which
// have that sum.
func (in *reads) toolsOf(dir, sum string) []string {
	in.mu.Lock()
	folders, ok := in.needs[dir+sum]
	in.mu.Unlock()
	if ok {
		return folders
	}
	files, _ := course.Files(dir)
	for _, rel := range files {
		if !strings.HasSuffix(rel, ".go") {
			continue
		}
		imported, _ := importsOf(filepath.Join(dir, rel))
		folders = append(folders, toolsFolders(imported)...)
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.needs[dir+sum] = folders
	return folders
}

func toolsFolders(imported []string) []string {
	var folders []string
	for _, p := range imported {
		if rel, ok := strings.CutPrefix(p, toolsPath+"/"); ok {
			folders = append(folders, rel)
		}
	}
	return folders
}

// packages tells the packages of tools in some folders, and all that they import of tools.
func (in *reads) packages(folders ...string) {
	in.group("packages "+strings.Join(folders, " "), func() map[string]string {
		files := map[string]string{}
		for _, folder := range in.closure(folders) {
			for _, rel := range in.ground.tools[folder] {
				if !isTest(rel) {
					files[rel] = filepath.Join(in.round.tools(), rel)
				}
			}
		}
		return files
	})
}

// closure is the folders, and those that they import, directly or not.
func (g *ground) closure(folders []string) []string {
	seen := map[string]bool{}
	for todo := slices.Clone(folders); len(todo) > 0; {
		folder := todo[0]
		todo = todo[1:]
		if !seen[folder] {
			seen[folder] = true
			todo = append(todo, g.imports[folder]...)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// readTools learns which files each package of tools has, and which others it imports. A
// file below a package that is none itself, such as one that is embedded, belongs to it.
func (g *ground) readTools() error {
	root := g.round.tools()
	files, err := course.Files(root)
	if err != nil {
		return err
	}
	isPackage := map[string]bool{}
	for _, rel := range files {
		if strings.HasSuffix(rel, ".go") && !inTestdata(rel) {
			isPackage[path.Dir(rel)] = true
		}
	}
	for _, rel := range files {
		folder := path.Dir(rel)
		for folder != "." && !isPackage[folder] {
			folder = path.Dir(folder)
		}
		g.tools[folder] = append(g.tools[folder], rel)
		if !strings.HasSuffix(rel, ".go") || isTest(rel) || inTestdata(rel) {
			continue
		}
		imported, _ := importsOf(filepath.Join(root, rel)) // what can't be parsed fails elsewhere
		g.imports[folder] = append(g.imports[folder], toolsFolders(imported)...)
	}
	return nil
}

func inTestdata(rel string) bool { return slices.Contains(strings.Split(rel, "/"), "testdata") }

// everything tells all files of the repository.
func (in *reads) everything() {
	in.group("everything", func() map[string]string { return in.below() })
}

// below are the files of the repository, the workshop's state and Git's own aside; when
// some files and folders are named, those in them but for answers.
func (g *ground) below(folders ...string) map[string]string {
	files := map[string]string{}
	answers := len(folders) == 0
	if answers {
		folders = []string{"."}
	}
	for _, folder := range folders {
		_ = filepath.WalkDir(filepath.Join(g.Course.Root, folder), func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil
			case d.IsDir() && (d.Name() == ".git" || d.Name() == ".workshop"):
				return filepath.SkipDir
			case d.IsDir() && !answers && (d.Name() == wrongFolder || d.Name() == rightFolder):
				return filepath.SkipDir
			case !d.IsDir() && d.Name() != ".git":
				files[g.rel(name)] = name
			}
			return nil
		})
	}
	return files
}

// modules tells all modules of the round, from which the packages of tools come too.
func (in *reads) modules() {
	for _, dir := range in.round.modules() {
		in.moduleFiles(dir)
	}
	in.versions()
	in.allOfTools()
}

// allOfTools tells all files of tools, tests among them.
func (in *reads) allOfTools() {
	in.group("tools", func() map[string]string { return filesIn(in.round.tools()) })
}

// versions tells which versions of other modules are built in: a workspace takes the
// newest that one of its modules asks for. A module more that asks for the same changes
// nothing.
func (in *reads) versions() {
	in.group("checksums", func() map[string]string {
		return map[string]string{"tools/go.sum": filepath.Join(in.round.tools(), "go.sum")}
	})
	in.mu.Lock()
	asked, ok := in.groups["versions"]
	in.mu.Unlock()
	if !ok || in.fresh {
		asked = in.round.requirements()
		in.mu.Lock()
		in.groups["versions"] = asked
		in.mu.Unlock()
	}
	in.Value("versions", asked)
}

// requirements are the lines of all go.mod files and of go.work, apart from those that
// name the modules of the course, each once.
func (r *round) requirements() string {
	files, _ := filepath.Glob(filepath.Join(r.Course.Root, "*", "*", "go.mod"))
	files = append(files, filepath.Join(r.tools(), "go.mod"), filepath.Join(r.Course.Root, "go.work"))
	lines := map[string]bool{}
	for _, file := range files {
		src, _ := os.ReadFile(file)
		for line := range strings.Lines(string(src)) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "module ") && !strings.HasPrefix(line, "./") {
				lines[line] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(lines)), "\n")
}

// tasks tells which tests belong to which task. What else a lesson says is for people.
func (in *reads) tasks(s *course.Step) {
	type task struct {
		Number int
		Tests  []string
	}
	var list []task
	for _, t := range s.Tasks {
		list = append(list, task{t.Number, t.Tests})
	}
	said, _ := json.Marshal(list)
	in.Value("tasks of "+s.Name, string(said))
}

// today tells the day, for what the world may know better tomorrow.
func (in *reads) today() { in.Value("day", time.Now().UTC().Format(time.DateOnly)) }

// goSettings are the settings of go that decide what it builds.
var goSettings = []string{"GOVERSION", "GOOS", "GOARCH", "GOFLAGS", "GOEXPERIMENT", "CGO_ENABLED", "GOAMD64", "GOARM64", "GODEBUG", "GOFIPS140", "CC", "CXX"}

// aside are variables that only say where something lies, or for how long.
var aside = []string{"WORKSHOP_STATE", "WORKSHOP_IDLE", "WORKSHOP_POLL", "GOTMPDIR", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOCOVERDIR"}

// telling matches the variables that tests and programs of the course look at.
var telling = regexp.MustCompile(`^(WORKSHOP_|BOXOFFICE_|GO|TZ=|LANG=|LC_|CI=|DEBUG=|PG)`)

// programs are what checks start, if it is there: any check, and the tests of tools alone.
var (
	programs        = []string{"git", "sh", "redis-server", "valkey-server", "nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"}
	programsOfTools = []string{"chromium", "chromium-browser", "google-chrome", "promtool", "node", "npm", "docker"}
)

// judges are the variables that say what judges pages.
var judges = []string{"WORKSHOP_AXE", "WORKSHOP_HTML_VALIDATE"}

// equipment is Go, the environment and the programs: what any check depends on, and what
// the tests of tools depend on besides.
type equipment struct{ all, tools string }

func lookAtMachine(ctx context.Context, root string) (equipment, error) {
	var all, tools strings.Builder
	out, err := command.Place{Dir: root}.Output(ctx, "go", append([]string{"env"}, goSettings...)...)
	if err != nil {
		return equipment{}, err
	}
	all.Write(out)
	environment := os.Environ()
	slices.Sort(environment)
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case slices.Contains(judges, name):
			tools.WriteString(variable + "\n" + identity(value))
		case telling.MatchString(variable) && !slices.Contains(aside, name):
			all.WriteString(variable + "\n")
		}
	}
	look := func(names []string, to *strings.Builder) {
		for _, name := range names {
			if found, err := exec.LookPath(name); err == nil {
				to.WriteString(identity(found))
			}
		}
	}
	look(programs, &all)
	look(programsOfTools, &tools)
	if dir, _, err := postgres.Find(); err == nil {
		all.WriteString(identity(filepath.Join(dir, "postgres")))
	}
	return equipment{all.String(), tools.String()}, nil
}

// identity is what changes when a program is installed anew.
func identity(program string) string {
	real := realPath(program)
	info, err := os.Stat(real)
	if err != nil {
		return program + ": absent\n"
	}
	return real + " " + info.ModTime().UTC().Format(time.RFC3339Nano) + " " + info.Mode().String() + "\n"
}

// foreign is the variable that names a server which nobody here starts, "" for none: it
// may change without a word, and so what was green on it is not remembered.
func foreign() string {
	for _, variable := range []string{"WORKSHOP_DATABASE_URL", "WORKSHOP_REDIS_URL"} {
		if value := os.Getenv(variable); value != "" && value != "stand-in" {
			return variable
		}
	}
	return ""
}
