package postgres

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/boxoffice/tools/internal/services/program"
)

// oldestMajor is the oldest PostgreSQL that the course runs on.
const oldestMajor = 13

// system is where this machine may keep PostgreSQL.
type system struct {
	Path     string   // PATH
	PgConfig string   // pg_config's --bindir is asked; empty: don't ask
	Globs    []string // folders of binaries; within a pattern the newest version comes first
}

func thisSystem() system {
	return system{
		Path:     os.Getenv("PATH"),
		PgConfig: "pg_config",
		Globs: []string{
			"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
			"/usr/pgsql-*/bin",                  // the RPMs of postgresql.org
			"/usr/libexec/postgresql*",          // Alpine
			"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
			"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
			"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
			"/opt/local/lib/postgresql*/bin", // MacPorts
			"/Applications/Postgres.app/Contents/Versions/*/bin",
			"/usr/local/pgsql/bin", // built from source
		},
	}
}

// binaries is one installation of PostgreSQL's server.
type binaries struct {
	Dir     string
	Version string // such as "15.14"
	Origin  string // told to people: where it comes from
}

// Find returns the folder of this machine's PostgreSQL server binaries
// and what was looked at. It downloads nothing. The error is a *NotFoundError
// when there is none.
func Find() (bindir string, tried []string, err error) {
	s, err := settingsFromEnvironment()
	if err != nil {
		return "", nil, err
	}
	found, tried, err := s.find()
	return found.Dir, tried, err
}

func (s settings) find() (found binaries, tried []string, err error) {
	if s.Bin != "" {
		found, err = inspect(s.Bin)
		if err != nil {
			err = fmt.Errorf("WORKSHOP_POSTGRES_BIN=%s has no PostgreSQL to use: %w\nPoint it at the folder of initdb and postgres, or let the workshop look for itself: unset WORKSHOP_POSTGRES_BIN", s.Bin, err)
		}
		return found, []string{s.Bin}, err
	}
	for _, dir := range s.candidates() {
		found, err = inspect(dir)
		if err == nil {
			return found, append(tried, dir), nil
		}
		tried = append(tried, fmt.Sprintf("%s: %v", dir, err))
	}
	tried = append(tried, "PATH")
	tried = append(tried, s.System.Globs...)
	return binaries{}, tried, newNotFoundError(tried)
}

// candidates lists folders that hold a postgres, best first, each once.
func (s settings) candidates() []string {
	var dirs []string
	for _, dir := range filepath.SplitList(s.System.Path) {
		if dir, ok := realBin(dir); ok {
			dirs = append(dirs, dir)
		}
	}
	if dir, ok := realBin(askPgConfig(s.System)); ok {
		dirs = append(dirs, dir)
	}
	for _, pattern := range s.System.Globs {
		matches, _ := filepath.Glob(pattern)
		slices.SortFunc(matches, func(a, b string) int { return cmp.Compare(majorIn(b), majorIn(a)) })
		for _, dir := range matches {
			if dir, ok := realBin(dir); ok {
				dirs = append(dirs, dir)
			}
		}
	}
	dirs = append(dirs, s.downloaded()...)
	return distinct(dirs)
}

// realBin follows a link such as /usr/local/bin/postgres to the folder where initdb and the rest are.
func realBin(dir string) (string, bool) {
	if !filepath.IsAbs(dir) {
		return "", false
	}
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return "", false
	}
	return filepath.Dir(real), true
}

func askPgConfig(s system) string {
	if s.PgConfig == "" {
		return ""
	}
	out, err := exec.Command(s.PgConfig, "--bindir").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

var number = regexp.MustCompile(`\d+`)

func majorIn(path string) int {
	n, _ := strconv.Atoi(number.FindString(path))
	return n
}

func distinct(list []string) []string {
	var once []string
	for _, item := range list {
		if !slices.Contains(once, item) {
			once = append(once, item)
		}
	}
	return once
}

// inspect runs postgres as the user who will run the server, so that missing
// libraries and missing rights show here.
func inspect(dir string) (binaries, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return binaries{}, fmt.Errorf("look for %s: %w", name, err)
		} else if info.IsDir() || info.Mode().Perm()&0o111 == 0 {
			return binaries{}, fmt.Errorf("%s is no program", filepath.Join(dir, name))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "-V")
	cmd.Dir, cmd.Env = "/", program.Environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: serverUser()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return binaries{}, fmt.Errorf("run postgres -V%s: %w %s", asWhom(), err, strings.TrimSpace(string(out)))
	}
	version, err := parseVersion(string(out))
	if err != nil {
		return binaries{}, err
	}
	return binaries{Dir: dir, Version: version, Origin: dir}, nil
}

func asWhom() string {
	if u := serverUser(); u != nil {
		return fmt.Sprintf(" as uid %d", u.Uid)
	}
	return ""
}

var versionNumber = regexp.MustCompile(`\(PostgreSQL\) (\d+)(\S*)`)

func parseVersion(out string) (string, error) {
	m := versionNumber.FindStringSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("postgres -V said %q", strings.TrimSpace(out))
	}
	if major, _ := strconv.Atoi(m[1]); major < oldestMajor {
		return "", fmt.Errorf("it is PostgreSQL %s, the course needs %d or newer", m[1]+m[2], oldestMajor)
	}
	return m[1] + m[2], nil
}

// NotFoundError says that there is no PostgreSQL, where it was looked for, and
// how to get one on this system.
type NotFoundError struct {
	Tried    []string // places and sources, with what was wrong with each
	Install  string   // the command that installs PostgreSQL on this system
	Download error    // why downloading it failed; nil when that wasn't tried
}

func newNotFoundError(tried []string) *NotFoundError {
	return &NotFoundError{Tried: tried, Install: install.Command()}
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	b.WriteString("no PostgreSQL found. Looked at:\n")
	for _, place := range e.Tried {
		fmt.Fprintf(&b, "  %s\n", place)
	}
	if e.Download != nil {
		fmt.Fprintf(&b, "Downloading it failed: %v\n", e.Download)
	}
	b.WriteString("Any one of these helps; then run the same command again:\n")
	fmt.Fprintf(&b, "  install it:          %s\n", e.Install)
	b.WriteString("  use your own server: export WORKSHOP_DATABASE_URL='postgres://user:password@localhost:5432/postgres?sslmode=disable'\n")
	b.WriteString("  name its folder:     export WORKSHOP_POSTGRES_BIN=/path/to/bin   (the one with initdb and postgres)")
	return b.String()
}

func (e *NotFoundError) Unwrap() error { return e.Download }
