package stack

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/fleet"
)

// TestTestsSetNothingThatProductionDoesNot compares the list of what the lab, `run` and `measure`
// set with docker-compose.yml.
func TestTestsSetNothingThatProductionDoesNot(t *testing.T) {
	var want []string
	for _, v := range fleet.Variables {
		if v.Stack {
			want = append(want, v.Name)
		}
	}
	var got []string
	for name := range stack(t).Services["api-1"].Environment {
		got = append(got, name)
	}
	slices.Sort(want)
	slices.Sort(got)
	assert.Equal(t, want, got, "tools/internal/fleet/environment.go and docker-compose.yml part")
}

// reads finds the variables that Go code reads: os.Getenv("ADDR"), readCount(&n, "DB_MAX_CONNS", 10).
var reads = regexp.MustCompile(`(?:Getenv|LookupEnv|read[A-Z]\w*)\((?:&[\w.]+, )?"([A-Z][A-Z0-9_]+)"`)

// byLibraries are read by Go's runtime, its TLS and its clock.
var byLibraries = []string{"GOMEMLIMIT", "SSL_CERT_FILE", "TZ"}

// TestEveryVariableOfTheAPIsIsListed keeps `run` passing on all that configures an API.
func TestEveryVariableOfTheAPIsIsListed(t *testing.T) {
	found := slices.Clone(byLibraries)
	for _, pattern := range []string{"steps/*/*.go", "steps/*/*/*.go", "solutions/*/*.go", "solutions/*/*/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range reads.FindAllStringSubmatch(string(source), -1) {
				found = append(found, m[1])
				assert.True(t, fleet.Known(m[1]), "%s reads %s: add it to tools/internal/fleet/environment.go", file, m[1])
			}
		}
	}
	for _, v := range fleet.Variables {
		assert.Contains(t, found, v.Name, "no API reads it any more")
	}
}

// TestScenariosSetWhatTheAPIReads looks at what `measure` sets for a step.
func TestScenariosSetWhatTheAPIReads(t *testing.T) {
	assignment := regexp.MustCompile(`(?m)^ *env: *\[(.*)\]`)
	lessons, err := filepath.Glob(filepath.Join(root, "site", "content", "steps", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, lessons)
	for _, lesson := range lessons {
		text, err := os.ReadFile(lesson)
		require.NoError(t, err)
		for _, m := range assignment.FindAllStringSubmatch(string(text), -1) {
			for _, one := range strings.Split(m[1], ",") {
				name, _, _ := strings.Cut(strings.Trim(strings.TrimSpace(one), `"'`), "=")
				assert.True(t, fleet.Known(name), "%s sets %s, which no API reads", lesson, name)
			}
		}
	}
}
