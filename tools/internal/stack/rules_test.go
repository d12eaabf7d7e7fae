package stack

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// own is the image that deploy/Dockerfile makes.
const own = "boxoffice:local"

// rule says what is wrong with a stack, in one respect.
type rule func(p *types.Project) []string

// rules are what holds for the stack, by name.
var rules = map[string]rule{
	"pinned":      eachService(pinned),
	"limited":     eachService(limited),
	"contained":   eachService(contained),
	"healthy":     eachService(healthy),
	"awaited":     eachService(awaited),
	"closed":      eachService(closed),
	"secret":      eachService(secret),
	"mounted":     eachService(mounted),
	"graceful":    eachService(graceful),
	"understood":  eachService(understood),
	"same":        same,
	"addresses":   addresses,
	"connections": connections,
	"hosts":       hosts,
	"stores":      stores,
	"proxy":       proxy,
}

// broken is all that the rules find.
func broken(p *types.Project) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		for _, what := range rules[name](p) {
			found = append(found, name+": "+what)
		}
	}
	return found
}

// eachService asks a rule of each service, in the order of their names.
func eachService(check func(p *types.Project, s types.ServiceConfig) []string) rule {
	return func(p *types.Project) []string {
		var found []string
		for _, name := range p.ServiceNames() {
			for _, what := range check(p, p.Services[name]) {
				found = append(found, name+": "+what)
			}
		}
		return found
	}
}

// finding is one that holds if wrong.
func finding(wrong bool, format string, args ...any) []string {
	if !wrong {
		return nil
	}
	return []string{fmt.Sprintf(format, args...)}
}

// version is a tag that doesn't move far.
var version = regexp.MustCompile(`^v?\d+\.\d+(\.\d+)?(-[a-z]+)?$`)

func pinned(_ *types.Project, s types.ServiceConfig) []string {
	_, tag, _ := strings.Cut(s.Image, ":")
	return finding(s.Image != own && !version.MatchString(tag), "image %q has no version", s.Image)
}

func limited(_ *types.Project, s types.ServiceConfig) []string {
	if s.Deploy == nil || s.Deploy.Resources.Limits == nil {
		return []string{"has no limits"}
	}
	limits := s.Deploy.Resources.Limits
	return finding(limits.NanoCPUs == 0 || limits.MemoryBytes == 0 || limits.Pids == 0, "lacks a limit of cpus, memory or pids")
}

// unprivileged are images whose own user isn't root.
var unprivileged = []string{own, "prom/prometheus", "prometheuscommunity/postgres-exporter", "grafana/grafana"}

func contained(_ *types.Project, s types.ServiceConfig) []string {
	image, _, _ := strings.Cut(s.Image, ":")
	byItself := s.User == "" && (slices.Contains(unprivileged, image) || s.Image == own)
	return slices.Concat(
		finding(!s.ReadOnly, "may write to its root file system"),
		finding(!slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0, "keeps capabilities"),
		finding(!slices.Contains(s.SecurityOpt, "no-new-privileges:true"), "may gain privileges"),
		finding(s.Privileged, "is privileged"),
		finding(!byItself && (s.User == "" || strings.HasPrefix(s.User, "0") || strings.HasPrefix(s.User, "root")), "runs as root"),
	)
}

// stays reports that a service isn't meant to end.
func stays(s types.ServiceConfig) bool { return s.Restart != "no" }

func healthy(_ *types.Project, s types.ServiceConfig) []string {
	if !stays(s) || s.Image == own { // that image holds nothing that could ask
		return nil
	}
	return finding(s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) == 0, "has no health check")
}

func awaited(p *types.Project, s types.ServiceConfig) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		on := p.Services[name]
		switch s.DependsOn[name].Condition {
		case types.ServiceConditionHealthy:
			found = append(found, finding(on.HealthCheck == nil, "waits for the health of %s, which nobody checks", name)...)
		case types.ServiceConditionCompletedSuccessfully:
			found = append(found, finding(stays(on), "waits for the end of %s, which is started again", name)...)
		}
	}
	return append(found, finding(s.Image == own && s.Name != "migrate" && s.DependsOn["migrate"].Condition != types.ServiceConditionCompletedSuccessfully,
		"doesn't wait until the database is migrated")...)
}

// closed: ports are this machine's alone, and what has one is on a network that has ports.
func closed(p *types.Project, s types.ServiceConfig) []string {
	var found []string
	for _, port := range s.Ports {
		found = append(found, finding(port.HostIP != "127.0.0.1", "port %s is open to other machines", port.Published)...)
	}
	_, front := s.Networks["front"]
	return slices.Concat(found,
		finding(front != (len(s.Ports) > 0), "is on the network front without a port, or has a port without it"),
		finding(!bool(p.Networks["back"].Internal), "the network back isn't internal"),
	)
}

// guarded are names of variables that hold secrets, and credentials in a URL.
var guarded = regexp.MustCompile(`PASSWORD|SECRET|TOKEN$`)
var credentials = regexp.MustCompile(`://[^:/@]*:([^@]*)@`)

func secret(_ *types.Project, s types.ServiceConfig) []string {
	var found []string
	for name, value := range s.Environment {
		if value == nil {
			continue
		}
		text := *value
		if m := credentials.FindStringSubmatch(text); m != nil {
			text = m[1]
		} else if !guarded.MatchString(name) {
			continue
		}
		known := slices.Contains(slices.Collect(maps.Values(secrets)), text)
		found = append(found, finding(!known, "%s holds a secret that is not from the environment", name)...)
	}
	for _, argument := range slices.Concat(s.Command, s.Entrypoint) {
		for _, text := range secrets {
			found = append(found, finding(strings.Contains(argument, text), "a secret is an argument, which each process list shows")...)
		}
	}
	return found
}

func mounted(p *types.Project, s types.ServiceConfig) []string {
	var found []string
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		_, err := os.Stat(v.Source)
		relative, _ := filepath.Rel(p.WorkingDir, v.Source)
		found = append(found, finding(err != nil, "mounts %s, which doesn't exist", relative)...)
		found = append(found, finding(!v.ReadOnly, "may write to %s", relative)...)
	}
	return found
}

// graceful: Docker kills later than the API gives up.
func graceful(_ *types.Project, s types.ServiceConfig) []string {
	if s.Image != own {
		return nil
	}
	drain, err1 := time.ParseDuration(valueOf(s, "DRAIN_DELAY"))
	stop, err2 := time.ParseDuration(valueOf(s, "SHUTDOWN_TIMEOUT"))
	if err1 != nil || err2 != nil || s.StopGracePeriod == nil {
		return []string{"doesn't say how long its end takes"}
	}
	patience := time.Duration(*s.StopGracePeriod)
	return finding(patience <= drain+stop, "is killed after %v, and may take %v", patience, drain+stop)
}

// valueOf is an environment variable of a service, "" if it isn't set.
func valueOf(s types.ServiceConfig, name string) string {
	if value := s.Environment[name]; value != nil {
		return *value
	}
	return ""
}

// understood: each variable is one that the API reads, or a library of its.
func understood(p *types.Project, s types.ServiceConfig) []string {
	if s.Image != own {
		return nil
	}
	source, err := os.ReadFile(filepath.Join(p.WorkingDir, "solutions", "10-scale-out", "config.go"))
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		read := strings.Contains(string(source), strconv.Quote(name)) || slices.Contains(byLibraries, name)
		found = append(found, finding(!read, "sets %s, which nothing reads", name)...)
	}
	var soft types.UnitBytes
	err = soft.DecodeMapstructure(valueOf(s, "GOMEMLIMIT"))
	hard := s.Deploy.Resources.Limits.MemoryBytes
	return append(found, finding(err != nil || soft >= hard, "GOMEMLIMIT is not below the container's limit")...)
}

// same: instances and the worker are configured alike.
func same(p *types.Project) []string {
	var found []string
	first := p.Services["api-1"]
	for _, name := range p.ServiceNames() {
		if s := p.Services[name]; s.Image == own {
			equal := maps.EqualFunc(s.Environment, first.Environment, func(a, b *string) bool { return *a == *b })
			found = append(found, finding(!equal, "the environment of %s differs from api-1's", name)...)
		}
	}
	return found
}

// addresses: those that are fixed are in the network, and nobody else gets one of them.
func addresses(p *types.Project) []string {
	config := p.Networks["back"].Ipam.Config[0]
	subnet, err1 := netip.ParsePrefix(config.Subnet)
	dynamic, err2 := netip.ParsePrefix(config.IPRange)
	if err1 != nil || err2 != nil {
		return []string{fmt.Sprintf("the network back: %v, %v", err1, err2)}
	}
	var found []string
	taken := map[netip.Addr]string{}
	for _, name := range p.ServiceNames() {
		attached := p.Services[name].Networks["back"]
		if attached == nil || attached.Ipv4Address == "" {
			continue
		}
		address, err := netip.ParseAddr(attached.Ipv4Address)
		found = append(found, finding(err != nil || !subnet.Contains(address), "%s is not in %s", name, subnet)...)
		found = append(found, finding(dynamic.Contains(address), "%s has an address that is given to others, too", name)...)
		found = append(found, finding(taken[address] != "", "%s has the address of %s", name, taken[address])...)
		taken[address] = name
	}
	trusted := valueOf(p.Services["api-1"], "TRUSTED_PROXIES")
	at, err := netip.ParseAddr(trusted)
	return append(found, finding(err != nil || taken[at] != "nginx", "TRUSTED_PROXIES is %q, and not nginx alone", trusted)...)
}

var maxConnections = regexp.MustCompile(`max_connections=(\d+)`)

// connections: PostgreSQL has one for each that the pools may open, three that it keeps for
// superusers, and some for whoever looks.
func connections(p *types.Project) []string {
	const reserved = 3 + 5
	m := maxConnections.FindStringSubmatch(strings.Join(p.Services["postgres"].Command, " "))
	if m == nil {
		return []string{"PostgreSQL has no max_connections"}
	}
	most, _ := strconv.Atoi(m[1])
	all := 0
	for _, s := range p.Services {
		if s.Image == own && stays(s) {
			n, err := strconv.Atoi(valueOf(s, "DB_MAX_CONNS"))
			if err != nil {
				return []string{"DB_MAX_CONNS is no number"}
			}
			all += n
		}
	}
	return finding(all+reserved > most, "the pools may open %d connections, and %d are for others: more than %d", all, reserved, most)
}

// hosts: the addresses of the API's environment are those of services, with their credentials.
func hosts(p *types.Project) []string {
	api, postgres := p.Services["api-1"], p.Services["postgres"]
	want := url.URL{
		Scheme: "postgres", Host: "postgres:5432", Path: valueOf(postgres, "POSTGRES_DB"), RawQuery: "sslmode=disable",
		User: url.UserPassword(valueOf(postgres, "POSTGRES_USER"), valueOf(postgres, "POSTGRES_PASSWORD")),
	}
	var found []string
	for name, want := range map[string]string{
		"DATABASE_URL": want.String(), "REDIS_URL": "redis://redis:6379/0", "CACHE_URL": "redis://cache:6379/0", "SMTP_ADDR": "mailpit:1025", "ADDR": ":8080",
	} {
		got := valueOf(api, name)
		found = append(found, finding(got != want, "%s is %q, and must be %q", name, got, want)...)
	}
	for _, name := range []string{"postgres", "redis", "cache", "mailpit"} {
		_, ok := p.Services[name].Networks["back"]
		found = append(found, finding(!ok, "%s is not where the API is", name)...)
	}
	slices.Sort(found)
	return found
}

// stores: the Redis that holds sessions throws nothing away, the one of the cache does. Each has less
// than its container, which also needs memory for what Redis doesn't count.
func stores(p *types.Project) []string {
	var found []string
	for name, policy := range map[string]string{"redis": "noeviction", "cache": "volatile-ttl"} {
		s := p.Services[name]
		got := option(s, "--maxmemory-policy")
		found = append(found, finding(got != policy, "the policy of %s is %q, and must be %q", name, got, policy)...)
		var most types.UnitBytes
		err := most.DecodeMapstructure(option(s, "--maxmemory"))
		limit := s.Deploy.Resources.Limits.MemoryBytes
		found = append(found, finding(err != nil || most == 0 || most > limit*3/4, "%s may fill its container, which has %d MB", name, limit>>20)...)
	}
	found = append(found, finding(option(p.Services["redis"], "--appendonly") != "yes", "redis forgets who was logged out when it is started again")...)
	slices.Sort(found)
	return found
}

// option is what follows the name in the command of a service.
func option(s types.ServiceConfig, name string) string {
	if i := slices.Index(s.Command, name); i >= 0 && i+1 < len(s.Command) {
		return s.Command[i+1]
	}
	return ""
}

// proxy: nginx has the instances of its configuration, and a port for what it listens on.
func proxy(p *types.Project) []string {
	conf, err := os.ReadFile(filepath.Join(p.WorkingDir, "solutions", "10-scale-out", "deploy", "nginx.conf"))
	if err != nil {
		return []string{err.Error()}
	}
	var want []string
	for _, m := range regexp.MustCompile(`server (api-\d+):8080`).FindAllStringSubmatch(string(conf), -1) {
		want = append(want, m[1])
	}
	nginx := p.Services["nginx"]
	have := slices.Sorted(maps.Keys(nginx.DependsOn))
	found := finding(!slices.Equal(want, have), "nginx waits for %v, and its configuration names %v", have, want)
	for _, name := range want {
		found = append(found, finding(!slices.Equal(p.Services[name].Command, []string{"serve"}), "%s is no instance", name)...)
	}
	listens := slices.ContainsFunc(nginx.Ports, func(port types.ServicePortConfig) bool { return port.Target == 8080 })
	return append(found, finding(!listens || !strings.Contains(string(conf), "listen 8080;"), "nginx has no port for what it listens on")...)
}
