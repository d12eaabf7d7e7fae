package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deployed is a folder with a copy of one script, where it may write.
func deployed(t *testing.T, name string) (dir, script string) {
	t.Helper()
	dir = t.TempDir()
	script = filepath.Join(dir, "deploy", filepath.Base(name))
	require.NoError(t, os.Mkdir(filepath.Dir(script), 0o755))
	require.NoError(t, os.WriteFile(script, []byte(read(t, "deploy", name)), 0o600))
	return dir, script
}

func TestSecretsAreMadeOnce(t *testing.T) {
	dir, script := deployed(t, "secrets.sh")
	out, err := run(t, dir, "sh", script)
	require.NoError(t, err, out)
	env := filepath.Join(dir, ".env")
	info, err := os.Stat(env)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "others may read the secrets")
	made, err := dotenv.Read(env)
	require.NoError(t, err)
	seen := map[string]bool{}
	for name, value := range made {
		assert.Contains(t, secrets, name, "nothing needs it")
		assert.Regexp(t, regexp.MustCompile(`^[0-9a-f]{64}$`), value, name)
		assert.False(t, seen[value], "two secrets are the same")
		seen[value] = true
	}
	assert.Len(t, made, len(secrets))
	project, err := load(read(t, "docker-compose.yml"), made)
	require.NoError(t, err)
	assert.Contains(t, valueOf(project.Services["api-1"], "DATABASE_URL"), made["POSTGRES_PASSWORD"])

	before, err := os.ReadFile(env)
	require.NoError(t, err)
	out, err = run(t, dir, "sh", script)
	require.NoError(t, err, out)
	after, err := os.ReadFile(env)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after), "secrets that are in use were replaced")
}

// chosen is what choose-conf.sh gives nginx for a module.
func chosen(t *testing.T, module string) string {
	t.Helper()
	folder := t.TempDir()
	command := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "deploy", "nginx", "choose-conf.sh"))
	command.Env = append(os.Environ(), "CONF_DIR="+folder,
		"MODULE_CONF="+filepath.Join(module, "deploy", "nginx.conf"),
		"STACK_CONF="+filepath.Join(root, "solutions", "10-scale-out", "deploy", "nginx.conf"))
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	conf, err := os.ReadFile(filepath.Join(folder, "default.conf"))
	require.NoError(t, err)
	return string(conf)
}

func TestStepsOwnNginxConfigurationIsChosen(t *testing.T) {
	stacks := read(t, "solutions", "10-scale-out", "deploy", "nginx.conf")
	own := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(own, "deploy"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(own, "deploy", "nginx.conf"), []byte("# mine\n"), 0o600))
	assert.Equal(t, "# mine\n", chosen(t, own))
	assert.Equal(t, stacks, chosen(t, t.TempDir()), "a step without one gets the stack's")
	assert.Equal(t, stacks, chosen(t, filepath.Join(root, "solutions", "10-scale-out")))
}

// nginx's image runs only those scripts that may be executed; and what the scripts' variables
// are by default is where docker-compose.yml mounts the files.
func TestScriptsAreWhereTheImagesLook(t *testing.T) {
	project := stack(t)
	script := filepath.Join(root, "deploy", "nginx", "choose-conf.sh")
	info, err := os.Stat(script)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode().Perm()&0o111, "%s can't be executed", script)
	mounts := map[string]string{}
	for _, v := range project.Services["nginx"].Volumes {
		mounts[v.Source] = v.Target
	}
	assert.Regexp(t, `^/docker-entrypoint\.d/\d+-.*\.sh$`, mounts[script])
	text := read(t, "deploy", "nginx", "choose-conf.sh")
	assert.Contains(t, text, ":-"+mounts[filepath.Join(root, "solutions/10-scale-out/deploy/nginx.conf")]+"}")
	assert.Contains(t, text, ":-/module/deploy/nginx.conf}")
	var writable []string
	for _, path := range project.Services["nginx"].Tmpfs {
		path, _, _ = strings.Cut(path, ":")
		writable = append(writable, path)
	}
	assert.Contains(t, writable, "/etc/nginx/conf.d")
}

// queueFile is what postgres_exporter is told to ask.
type queueFile map[string]struct {
	Query   string
	Metrics []map[string]struct{ Usage, Description string }
}

// metrics are the columns of the query, those that are labels apart.
func readQueue(t *testing.T) (query string, labels, metrics []string) {
	t.Helper()
	var file queueFile
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy", "postgres", "queue.yml")), &file))
	require.Len(t, file, 1)
	for namespace, asked := range file {
		query = asked.Query
		for _, column := range asked.Metrics {
			for name, c := range column {
				assert.NotEmpty(t, c.Description, name)
				if c.Usage == "LABEL" {
					labels = append(labels, name)
					continue
				}
				assert.Equal(t, "GAUGE", c.Usage, name)
				metrics = append(metrics, namespace+"_"+name)
			}
		}
	}
	return query, labels, metrics
}
