package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStackKeepsItsRules(t *testing.T) {
	for _, what := range broken(stack(t)) {
		t.Error(what)
	}
}

func TestEachRuleCanBeBroken(t *testing.T) {
	text := read(t, "docker-compose.yml")
	caught := map[string]bool{}
	for _, c := range []struct{ old, new, want string }{
		{"redis:8.2.1-alpine", "redis:latest", `pinned: redis: image "redis:latest" has no version`},
		{"redis:8.2.1-alpine", "redis", `pinned: redis: image "redis" has no version`},
		{`cpus: "2.0", memory: 512M, pids: 128`, `memory: 512M`, "limited: postgres: lacks a limit"},
		{"read_only: true", "read_only: false", "contained: nginx: may write to its root"},
		{"cap_drop: [ALL]", "cap_drop: [NET_RAW]", "contained: api-1: keeps capabilities"},
		{"no-new-privileges:true", "no-new-privileges:false", "contained: redis: may gain privileges"},
		{`    user: "999:1000"`, `    user: "0:0"`, "contained: redis: runs as root"},
		{`    user: "101:101" #`, `    #`, "contained: nginx: runs as root"},
		{"test: [CMD, redis-cli, ping]", "disable: true", "healthy: redis: has no health check"},
		{`    command: [migrate]` + "\n" + `    restart: "no"`, `    command: [migrate]`, "awaited: api-1: waits for the end of migrate, which is started again"},
		{`"127.0.0.1:${HTTP_PORT:-8080}:8080"`, `"8080:8080"`, "closed: nginx: port 8080 is open to other machines"},
		{"    networks: [front]", "    networks: [back]", "closed: grafana: is on the network front without"},
		{"    internal: true", "    internal: false", "closed: api-1: the network back isn't internal"},
		{`${GF_SECURITY_ADMIN_PASSWORD:?run "sh deploy/secrets.sh" first, which makes .env}`, "admin", "secret: grafana: GF_SECURITY_ADMIN_PASSWORD holds a secret"},
		{`boxoffice:${POSTGRES_PASSWORD:?run "sh deploy/secrets.sh" first, which makes .env}@`, "boxoffice:hunter2@", "secret: api-1: DATABASE_URL holds a secret"},
		{"./deploy/postgres/queue.yml", "./deploy/postgres/jobs.yml", "mounted: queue-exporter: mounts deploy/postgres/jobs.yml, which doesn't exist"},
		{"prometheus.yml:ro", "prometheus.yml", "mounted: prometheus: may write to deploy/prometheus/prometheus.yml"},
		{"SHUTDOWN_TIMEOUT: 20s", "SHUTDOWN_TIMEOUT: 25s", "graceful: api-1: is killed after 30s, and may take 30s"},
		{"    REDIS_URL:", "    REDIS_ADDR:", "understood: api-1: sets REDIS_ADDR, which nothing reads"},
		{"GOMEMLIMIT: 192MiB", "GOMEMLIMIT: 512MiB", "understood: worker: GOMEMLIMIT is not below"},
		{"    command: [work]", "    command: [work]\n    environment: {ADDR: \":1\"}", "same: the environment of worker differs"},
		{"}.12", "}.11", "addresses: api-2 has the address of api-1"},
		{"}.13", "}.130", "addresses: api-3 has an address that is given to others"},
		{"}.2 # nginx", "}.3 # nginx", "addresses: TRUSTED_PROXIES is"},
		{"max_connections=60", "max_connections=45", "connections: the pools may open 40 connections, and 8"},
		{"@postgres:5432/boxoffice?sslmode=disable\n    DB_MAX", "@database:5432/boxoffice?sslmode=disable\n    DB_MAX", "hosts: DATABASE_URL is"},
		{"mailpit:1025", "mailpit:25", "hosts: SMTP_ADDR is"},
		{"redis://cache:6379/0", "redis://redis:6379/0", "hosts: CACHE_URL is"},
		{"noeviction", "allkeys-lru", `stores: the policy of redis is "allkeys-lru"`},
		{"volatile-ttl", "noeviction", `stores: the policy of cache is "noeviction"`},
		{`--appendonly, "yes"`, `--appendonly, "no"`, "stores: redis forgets who was logged out"},
		{"--maxmemory, 96mb, --maxmemory-policy, volatile", "--maxmemory, 160mb, --maxmemory-policy, volatile", "stores: cache may fill its container"},
		{"      api-3: {condition: service_started}\n", "", "proxy: nginx waits for [api-1 api-2]"},
	} {
		t.Run(c.want, func(t *testing.T) {
			changed := strings.Replace(text, c.old, c.new, 1)
			require.NotEqual(t, text, changed, "docker-compose.yml has no %q to break", c.old)
			project, err := load(changed, with())
			require.NoError(t, err)
			found := strings.Join(broken(project), "\n")
			assert.Contains(t, found, c.want)
			name, _, _ := strings.Cut(c.want, ":")
			caught[name] = true
		})
	}
	for name := range rules {
		assert.True(t, caught[name], "nothing here breaks the rule %q", name)
	}
}

func TestInvalidFilesAreRefused(t *testing.T) {
	text := read(t, "docker-compose.yml")
	for _, c := range []struct{ old, new, want string }{
		{"    healthcheck:", "    healthchek:", "healthchek"},
		{"      migrate: {condition: service_completed_successfully}", "      migration: {condition: service_completed_successfully}", "migration"},
		{"    networks: [back]", "    networks: [rear]", "rear"},
		{"postgres-data:/var", "pg-data:/var", "pg-data"},
	} {
		changed := strings.Replace(text, c.old, c.new, 1)
		require.NotEqual(t, text, changed, "docker-compose.yml has no %q to break", c.old)
		_, err := load(changed, with())
		assert.ErrorContains(t, err, c.want)
	}
}

func TestMissingSecretsSayWhatToRun(t *testing.T) {
	for name := range secrets {
		environment := with()
		delete(environment, name)
		_, err := load(read(t, "docker-compose.yml"), environment)
		require.ErrorContains(t, err, name)
		assert.ErrorContains(t, err, `run "sh deploy/secrets.sh" first`)
	}
}

func TestProfilesChooseParts(t *testing.T) {
	project := stack(t)
	parts := map[string][]string{}
	for _, name := range project.ServiceNames() {
		for _, profile := range append(project.Services[name].Profiles, "")[:1] {
			parts[profile] = append(parts[profile], name)
		}
	}
	assert.Equal(t, map[string][]string{
		"":        {"api-1", "api-2", "api-3", "cache", "mailpit", "migrate", "nginx", "postgres", "redis", "worker"},
		"observe": {"grafana", "prometheus", "queue-exporter"},
		"seed":    {"seed"},
	}, parts)
}

func TestStepsAreChosenByTheEnvironment(t *testing.T) {
	for _, c := range []struct{ assignment, module string }{
		{"LOG_LEVEL=info", "solutions/10-scale-out"},
		{"STEP=06-pooling", "solutions/06-pooling"},
		{"MODULE=steps/08-caching", "steps/08-caching"},
	} {
		project := stack(t, c.assignment)
		assert.Equal(t, c.module, *project.Services["migrate"].Build.Args["MODULE"], c.assignment)
		sources := map[string]string{}
		for _, v := range project.Services["nginx"].Volumes {
			sources[v.Target] = v.Source
		}
		assert.Equal(t, filepath.Join(root, filepath.FromSlash(c.module)), sources["/module"], c.assignment)
		assert.Equal(t, filepath.Join(root, "solutions/10-scale-out/deploy/nginx.conf"), sources["/stack/nginx.conf"], c.assignment)
		assert.DirExists(t, sources["/module"])
	}
}

// There is one nginx.conf for the stack and for step 10, so that the two can't part.
func TestStackHasNoConfigurationOfItsOwn(t *testing.T) {
	copies, err := filepath.Glob(filepath.Join(root, "deploy", "*", "*.conf"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(root, "deploy", "*.conf"))
	require.NoError(t, err)
	assert.Empty(t, append(copies, more...), "nginx's configuration is solutions/10-scale-out/deploy/nginx.conf; mount that")
}

func TestEnvIsIgnoredByGit(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("this is no clone")
	}
	_, err := run(t, root, "git", "check-ignore", "-q", ".env")
	assert.NoError(t, err, ".env holds secrets, and git doesn't ignore it")
}
