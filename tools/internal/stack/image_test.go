package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// instruction is one of a Dockerfile, its continued lines joined.
type instruction struct{ name, rest string }

// stages are a Dockerfile's, each with the instructions from its FROM on.
func stages(text string) [][]instruction {
	var all [][]instruction
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "":
			continue
		case name == "FROM":
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], instruction{name, strings.TrimSpace(rest)})
	}
	return all
}

// held is what the image holds: the program, and whom it trusts.
var held = []string{
	"--from=build /out/boxoffice /boxoffice",
	"--from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/",
}

// imageFaults is what is wrong with a Dockerfile.
func imageFaults(text, goVersion string) []string {
	all := stages(text)
	first, last := all[0], all[len(all)-1]
	var found []string
	m := regexp.MustCompile(`^golang:(\d+\.\d+)\.\d+-`).FindStringSubmatch(first[0].rest)
	found = append(found, finding(m == nil || !strings.HasPrefix(goVersion, m[1]+"."), "it is compiled by %q, and go.work says %s", first[0].rest, goVersion)...)
	static := slices.ContainsFunc(first, func(i instruction) bool { return i.name == "ENV" && strings.Contains(i.rest, "CGO_ENABLED=0") })
	found = append(found, finding(!static, "the binary may need a C library, and the image has none")...)
	found = append(found, finding(len(all) < 2 || last[0].rest != "scratch", "the image is made from %q", last[0].rest)...)
	user, copies := "", 0
	for _, i := range last {
		switch i.name {
		case "USER":
			user = i.rest
		case "COPY", "ADD":
			copies++
			found = append(found, finding(!slices.Contains(held, i.rest), "the image holds more than the binary and certificates: %s", i.rest)...)
		case "RUN":
			found = append(found, "nothing can be run in the image: "+i.rest)
		}
	}
	return append(found, finding(!regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) || copies != len(held), "the user is %q, of %d files", user, copies)...)
}

func goVersion(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.work"))
	require.NotNil(t, m)
	return m[1]
}

func TestImageHoldsTheBinaryAlone(t *testing.T) {
	assert.Empty(t, imageFaults(read(t, "deploy", "Dockerfile"), goVersion(t)))
}

func TestEachFaultOfAnImageIsFound(t *testing.T) {
	text := read(t, "deploy", "Dockerfile")
	for _, c := range []struct{ old, new, want string }{
		{"golang:1.", "golang:0.", "it is compiled by"},
		{" CGO_ENABLED=0", "", "may need a C library"},
		{"FROM scratch", "FROM alpine:3.22", `the image is made from "alpine:3.22"`},
		{"USER 65532:65532", "", `the user is ""`},
		{"USER 65532:65532", "USER root", `the user is "root"`},
		{"USER 65532:65532", "COPY solutions /src\nUSER 65532:65532", "the image holds more"},
		{"USER 65532:65532", "RUN apk add curl\nUSER 65532:65532", "nothing can be run"},
	} {
		changed := strings.Replace(text, c.old, c.new, 1)
		require.NotEqual(t, text, changed, c.old)
		assert.Contains(t, strings.Join(imageFaults(changed, goVersion(t)), "\n"), c.want)
	}
}

// contextHas reports whether .dockerignore lets a file into the build. The last line that
// matches decides; a folder's line holds for all that is in it.
func contextHas(ignore, file string) bool {
	has := true
	for line := range strings.Lines(ignore) {
		line = strings.TrimSpace(line)
		pattern, lets := strings.CutPrefix(line, "!")
		if pattern == "" || strings.HasPrefix(pattern, "#") {
			continue
		}
		for at := file; at != "."; at = path.Dir(at) {
			tail, anywhere := strings.CutPrefix(pattern, "**/")
			matched, _ := path.Match(pattern, at)
			if anywhere {
				matched, _ = path.Match(tail, path.Base(at))
			}
			if matched {
				has = lets
				break
			}
		}
	}
	return has
}

func TestBuildGetsWhatItNeedsAndNoMore(t *testing.T) {
	ignore := read(t, ".dockerignore")
	for file, want := range map[string]bool{
		"tools/go.mod": true, "tools/go.sum": true, "tools/lab/lab.go": false,
		"solutions/10-scale-out/main.go": true, "steps/01-baseline/migrations/00001_init.sql": true,
		"solutions/10-scale-out/rolling_test.go": false, "solutions/10-scale-out/wrong-answers/no-keepalive.patch": false,
		".env": false, ".git/config": false, ".workshop/progress": false, "steps/10-scale-out/.env": false, "go.work": false,
	} {
		assert.Equal(t, want, contextHas(ignore, file), file)
	}
}

// module is what docker-compose.yml runs by default.
const module = "solutions/10-scale-out"

// image is what the Dockerfile's build stage makes of the last solution.
var image = struct {
	once sync.Once
	path string
	err  error
}{}

// binary does what the Dockerfile's build stage does, and returns the program.
func binary(t *testing.T) string {
	t.Helper()
	image.once.Do(func() { image.path, image.err = build(context.Background()) })
	require.NoError(t, image.err)
	return image.path
}

// build carries out the instructions of the Dockerfile's first stage that concern go, in a
// folder that has what is copied and what .dockerignore lets through. So it fails where a file
// or a checksum is missing.
func build(ctx context.Context) (program string, err error) {
	text, err := os.ReadFile(filepath.Join(root, "deploy", "Dockerfile"))
	if err != nil {
		return "", err
	}
	ignore, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return "", err
	}
	src := filepath.Join(scratch, "src")
	environment := os.Environ()
	for _, i := range stages(string(text))[0] {
		rest := strings.ReplaceAll(i.rest, "${MODULE}", module)
		switch i.name {
		case "ENV":
			// With the machine's own setting, all has been compiled for the steps' tests already.
			environment = append(environment, strings.Fields(strings.ReplaceAll(rest, "CGO_ENABLED=0", ""))...)
		case "COPY":
			words := strings.Fields(rest)
			for _, from := range words[:len(words)-1] {
				if err := copyContext(string(ignore), from, src, words[len(words)-1]); err != nil {
					return "", err
				}
			}
		case "RUN":
			rest = regexp.MustCompile(`--mount=\S+`).ReplaceAllString(rest, "")
			program = filepath.Join(scratch, "boxoffice")
			words := strings.Fields(strings.ReplaceAll(rest, "/out/boxoffice", program))
			command := exec.CommandContext(ctx, words[0], words[1:]...)
			command.Dir, command.Env = src, environment
			if out, err := command.CombinedOutput(); err != nil {
				return "", fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
			}
		}
	}
	if program == "" {
		return "", errors.New("the Dockerfile builds nothing")
	}
	return program, nil
}

// copyContext copies a file, or what is in a folder, as far as the build gets it.
func copyContext(ignore, from, src, to string) error {
	return filepath.WalkDir(filepath.Join(root, from), func(file string, d fs.DirEntry, err error) error {
		relative, _ := filepath.Rel(root, file)
		if err != nil || d.IsDir() || !contextHas(ignore, filepath.ToSlash(relative)) {
			return err
		}
		within := strings.TrimPrefix(filepath.ToSlash(relative), strings.TrimSuffix(from, "/"))
		target := filepath.Join(src, to, within)
		if within == "" {
			target = filepath.Join(src, to, filepath.Base(file))
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
}

// The image has no C library. What imports C alone can't be compiled for it; go list says so
// without compiling anything.
func TestBinaryNeedsNoCLibrary(t *testing.T) {
	binary(t)
	command := exec.CommandContext(t.Context(), "go", "list", "-C", module, "-deps", ".")
	command.Dir = filepath.Join(scratch, "src")
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.NotContains(t, strings.Fields(string(out)), "runtime/cgo")
}
