package environment

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goEnv asks the go command what it would take.
func goEnv(t *testing.T, names ...string) string {
	t.Helper()
	output, err := exec.Command("go", append([]string{"env"}, names...)...).CombinedOutput()
	require.NoError(t, err, string(output))
	return strings.TrimSpace(string(output))
}

// alone gives a test an environment in which nothing is left out yet, and no settings that were saved.
func alone(t *testing.T) {
	t.Helper()
	for _, assignment := range os.Environ() {
		name, value, _ := strings.Cut(assignment, "=")
		if ofPostgres(name) {
			t.Setenv(name, value) // put back at the end
			require.NoError(t, os.Unsetenv(name))
		}
	}
	for _, name := range []string{"GOFLAGS", "GOWORK", "PGPASSFILE"} {
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	t.Setenv("GOENV", "off")
}

func names(list []LeftOut) (names []string) {
	for _, l := range list {
		names = append(names, l.Name)
	}
	return names
}

func TestWhatClientsOfPostgresReadIsLeftOut(t *testing.T) {
	alone(t)
	for _, name := range []string{"PGPORT", "PGSERVICE", "PGPASSWORD", "PGCHANNELBINDING", "PGSOMETHINGNEW", "SSLPGMINPROTOCOLVERSION"} {
		t.Setenv(name, "secret")
	}
	t.Setenv("PAGER", "less")
	list := cleanPostgres()
	require.ElementsMatch(t, []string{"PGPORT", "PGSERVICE", "PGPASSWORD", "PGCHANNELBINDING", "PGSOMETHINGNEW", "SSLPGMINPROTOCOLVERSION"}, names(list))
	for _, l := range list {
		require.Empty(t, l.Value, "it may be a password")
		require.NotContains(t, os.Environ(), l.Name+"=secret")
	}
	require.Equal(t, "less", os.Getenv("PAGER"))
	require.Equal(t, noFile, os.Getenv("PGPASSFILE"), "~/.pgpass isn't read")
	require.Empty(t, cleanPostgres(), "what was left out isn't told again")
}

func TestGoDoesWhatTheWorkshopMeans(t *testing.T) {
	alone(t)
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.work"), []byte("go 1.26\n"), 0o600))
	t.Chdir(root)
	plain := goEnv(t, "GOWORK")
	for name, set := range map[string]func(t *testing.T){
		"in the shell": func(t *testing.T) {
			t.Setenv("GOFLAGS", "-mod=mod -json")
			t.Setenv("GOWORK", "off")
		},
		"saved by go env -w": func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "env")
			t.Setenv("GOENV", file)
			require.NoError(t, os.WriteFile(file, []byte("GOFLAGS=-mod=mod -json\nGOWORK=off\n"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t)
			set(t)
			require.NotEqual(t, plain, goEnv(t, "GOWORK"))
			require.ElementsMatch(t, []string{"GOFLAGS", "GOWORK"}, names(cleanGo(savedSettings())))
			require.Equal(t, plain, goEnv(t, "GOWORK"))
			require.Equal(t, noFlags, goEnv(t, "GOFLAGS"))
			require.Empty(t, cleanGo(savedSettings()), "what was left out isn't told again")
		})
	}
}

func TestFlagsThatThisMachineNeedsStay(t *testing.T) {
	for flags, want := range map[string]string{
		"":                                     "",
		"-mod=mod":                             "",
		"-modcacherw -mod=vendor -p=2":         "-modcacherw -p=2",
		`"-ldflags=-s -w" -v '-run=Test A' -x`: `"-ldflags=-s -w"`,
		"--buildvcs=false -count=1":            "--buildvcs=false",
		`'-tags=a b`:                           `'-tags=a b`,
	} {
		require.Equal(t, want, keep(flags), flags)
	}
	alone(t)
	t.Setenv("GOFLAGS", "-modcacherw")
	require.Empty(t, cleanGo(nil), "nothing is in the way")
	require.Equal(t, "-modcacherw", os.Getenv("GOFLAGS"))
	t.Setenv("GOWORK", "auto")
	require.Empty(t, cleanGo(nil))
}
