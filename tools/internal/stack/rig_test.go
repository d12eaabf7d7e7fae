package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/services/postgres"
)

// scratch is the package's own folder, for what is built once. It goes when the tests end.
var scratch string

func TestMain(m *testing.M) {
	postgres.RunIfSupervisor()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "boxoffice-stack-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// root is the repository's, as an absolute path.
var root = func() string {
	path, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		panic(err)
	}
	return path
}()

// read returns a file of the repository.
func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(text)
}

// secrets are what .env holds, with values that are found again.
var secrets = types.Mapping{
	"POSTGRES_PASSWORD":          "the-postgres-password",
	"TOKEN_SECRET":               "the-token-secret-of-at-least-32-bytes",
	"GF_SECURITY_ADMIN_PASSWORD": "the-grafana-password",
}

// with returns the environment of secrets and of assignments such as STEP=08-caching.
func with(assignments ...string) types.Mapping {
	environment := types.NewMapping(assignments)
	for name, value := range secrets {
		environment[name] = value
	}
	return environment
}

// load reads the text of a compose file, all profiles included, as docker compose does.
func load(text string, environment types.Mapping) (*types.Project, error) {
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, "docker-compose.yml"), Content: []byte(text)}},
		Environment: environment,
	}, loader.WithProfiles([]string{"*"}))
}

// stack is docker-compose.yml, loaded.
func stack(t *testing.T, assignments ...string) *types.Project {
	t.Helper()
	project, err := load(read(t, "docker-compose.yml"), with(assignments...))
	require.NoError(t, err)
	return project
}

// promtool returns the program, or skips the test.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		install := "see https://prometheus.io/download/"
		switch {
		case runtime.GOOS == "darwin":
			install = "brew install prometheus"
		case installed("apt-get"):
			install = "sudo apt-get update && sudo apt-get install -y prometheus"
		}
		t.Skipf("Prometheus' rules and the dashboard's queries weren't checked, for want of promtool; to install it: %s", install)
	}
	return path
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// run runs a program in a folder, and returns all that it says.
func run(t *testing.T, dir, program string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
