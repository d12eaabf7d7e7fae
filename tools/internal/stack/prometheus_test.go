package stack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ruleFile is a file of Prometheus' rules.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []alertOrRecord
	}
}

// alertOrRecord is a rule of either kind.
type alertOrRecord struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

// rulesOf reads a file of rules.
func rulesOf(t *testing.T, name string) []alertOrRecord {
	t.Helper()
	var file ruleFile
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy", "prometheus", name)), &file))
	var all []alertOrRecord
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all, name)
	return all
}

// prometheusFolder is a copy of deploy/prometheus that a test may change.
func prometheusFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, "deploy", "prometheus"))))
	return dir
}

func TestPrometheusAcceptsItsConfiguration(t *testing.T) {
	out, err := run(t, prometheusFolder(t), promtool(t), "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")
	assert.NoError(t, err, out)
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	out, err := run(t, prometheusFolder(t), promtool(t), "test", "rules", "alerts.test.yml")
	assert.NoError(t, err, out)
}

// A threshold or a pause that nothing tests may be anything: each is broken, and a test of the
// alert's must notice.
func TestEachAlertCanBeBroken(t *testing.T) {
	program := promtool(t)
	for what, breaking := range map[string]func(rule string, a alertOrRecord) string{
		"never fires": func(rule string, a alertOrRecord) string {
			return strings.Replace(rule, "expr: "+a.Expr, "expr: ("+a.Expr+") and vector(0) > 1", 1)
		},
		"fires at once": func(rule string, a alertOrRecord) string {
			return strings.Replace(rule, "for: "+a.For, "for: 0s", 1)
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir, alerts := prometheusFolder(t), rulesOf(t, "alerts.yml")
			text := read(t, "deploy", "prometheus", "alerts.yml")
			for _, alert := range alerts {
				before, rule, _ := strings.Cut(text, "- alert: "+alert.Alert+"\n")
				changed := breaking(rule, alert)
				require.NotEqual(t, rule, changed, alert.Alert)
				text = before + "- alert: " + alert.Alert + "\n" + changed
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "alerts.yml"), []byte(text), 0o600))
			out, err := run(t, dir, program, "test", "rules", "alerts.test.yml")
			require.Error(t, err)
			for _, alert := range alerts {
				assert.Contains(t, out, `alertname="`+alert.Alert+`"`, "no test in alerts.test.yml notices that %s %s", alert.Alert, what)
			}
		})
	}
}

// Whoever is woken by an alert finds in it what to do.
func TestAlertsSayWhatToDo(t *testing.T) {
	guide := read(t, "site", "content", "guides", "stack.md")
	for _, alert := range rulesOf(t, "alerts.yml") {
		t.Run(alert.Alert, func(t *testing.T) {
			pause, err := time.ParseDuration(alert.For)
			assert.NoError(t, err)
			assert.Positive(t, pause, "it fires at the first bad moment")
			assert.Contains(t, []string{"warning", "critical"}, alert.Labels["severity"])
			assert.NotEmpty(t, alert.Annotations["summary"])
			assert.NotEmpty(t, alert.Annotations["action"])
			assert.Contains(t, guide, "`"+alert.Alert+"`", "the guide doesn't say what it means")
		})
	}
}

// The alert's idea of an instance's memory is that of docker-compose.yml.
func TestMemoryAlertKnowsTheLimit(t *testing.T) {
	limit := stack(t).Services["api-1"].Deploy.Resources.Limits.MemoryBytes
	want := fmt.Sprintf("0.9 * %d * 1024 * 1024", limit>>20)
	for _, alert := range rulesOf(t, "alerts.yml") {
		if alert.Alert == "MemoryShort" {
			assert.Contains(t, alert.Expr, want)
			assert.Contains(t, alert.Annotations["summary"], fmt.Sprintf("of %d MiB", limit>>20))
		}
	}
}

// Services that an alert's action, or the dashboard, sends somebody to are there.
func TestActionsNameServices(t *testing.T) {
	services := stack(t).ServiceNames()
	command := regexp.MustCompile("`docker compose ([^`|]*)")
	verbs := []string{"ps", "logs", "up", "-d", "--tail", "--scale"}
	for _, alert := range rulesOf(t, "alerts.yml") {
		for _, m := range command.FindAllStringSubmatch(alert.Annotations["action"], -1) {
			for _, word := range strings.Fields(m[1]) {
				word, _, _ = strings.Cut(word, "=")
				known := slices.Contains(verbs, word) || slices.Contains(services, word) || strings.Trim(word, "0123456789") == ""
				assert.True(t, known, "%s: there is no %q in docker compose %s", alert.Alert, word, m[1])
			}
		}
	}
}

// Prometheus asks each instance, and nobody who isn't there.
func TestTargetsAreServices(t *testing.T) {
	var config struct {
		Jobs []struct {
			Name   string                       `yaml:"job_name"`
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy", "prometheus", "prometheus.yml")), &config))
	got := map[string][]string{}
	for _, job := range config.Jobs {
		got[job.Name] = job.Static[0].Targets
	}
	project := stack(t)
	assert.Equal(t, map[string][]string{"boxoffice": instances(project), "queue": {"queue-exporter:9187"}}, got)
	for _, targets := range got {
		for _, target := range targets {
			name, _, _ := strings.Cut(target, ":")
			assert.Contains(t, project.Services[name].Networks, "back", "Prometheus can't reach %s", name)
		}
	}
	assert.Contains(t, project.Services["prometheus"].Networks, "back")
}

// instances are where the instances of the API listen.
func instances(project *types.Project) []string {
	var list []string
	for _, name := range project.ServiceNames() {
		if s := project.Services[name]; s.Image == own && slices.Equal(s.Command, types.ShellCommand{"serve"}) {
			list = append(list, name+valueOf(s, "ADDR"))
		}
	}
	return list
}

// dashboard is what of Grafana's file is of interest.
type dashboard struct {
	UID    string
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		Datasource struct{ Type, UID string }
		Expr       string
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(read(t, "deploy", "grafana", "dashboards", "boxoffice.json")), &d))
	return d
}

// queries are the dashboard's expressions, by the titles of their panels.
func (d dashboard) queries() map[string][]string {
	all := map[string][]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], target.Expr)
		}
	}
	return all
}

func TestDashboardShowsSignalsAndParts(t *testing.T) {
	d := readDashboard(t)
	var rows []string
	ids := map[int]bool{}
	for _, p := range d.Panels {
		assert.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		assert.NotEmpty(t, p.Targets, "%s asks for nothing", p.Title)
		for _, target := range p.Targets {
			assert.Equal(t, "prometheus", target.Datasource.UID, p.Title)
		}
	}
	assert.Equal(t, []string{"Traffic", "Errors", "Latency", "Saturation", "Pool", "Cache", "Queue", "Alerts and instances"}, rows)
}

// What Grafana is told to find is where docker-compose.yml puts it.
func TestGrafanaFindsItsFiles(t *testing.T) {
	var sources struct {
		Datasources []struct{ UID, URL string }
	}
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy", "grafana", "provisioning", "datasources", "prometheus.yml")), &sources))
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy", "grafana", "provisioning", "dashboards", "boxoffice.yml")), &providers))
	require.Len(t, sources.Datasources, 1)
	require.Len(t, providers.Providers, 1)
	assert.Equal(t, "prometheus", sources.Datasources[0].UID)
	assert.Equal(t, "http://prometheus:9090", sources.Datasources[0].URL)
	grafana := stack(t).Services["grafana"]
	mounts := map[string]string{}
	for _, v := range grafana.Volumes {
		mounts[v.Target] = v.Source
	}
	path := providers.Providers[0].Options.Path
	assert.Equal(t, filepath.Join(root, "deploy", "grafana", "dashboards"), mounts[path])
	assert.Equal(t, filepath.Join(root, "deploy", "grafana", "provisioning"), mounts["/etc/grafana/provisioning"])
	assert.Equal(t, path+"/boxoffice.json", valueOf(grafana, "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"))
}

// asRules writes expressions as a file of rules, for promtool to read.
func asRules(t *testing.T, queries map[string][]string) string {
	t.Helper()
	var rules []map[string]string
	for title, expressions := range queries {
		for i, expression := range expressions {
			rules = append(rules, map[string]string{"alert": fmt.Sprintf("%s %d", title, i+1), "expr": expression})
		}
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	require.NoError(t, os.WriteFile(path, text, 0o600)) // JSON is YAML
	return path
}

func TestPrometheusUnderstandsTheDashboard(t *testing.T) {
	program := promtool(t)
	out, err := run(t, root, program, "check", "rules", asRules(t, readDashboard(t).queries()))
	assert.NoError(t, err, out)
	out, err = run(t, root, program, "check", "rules", asRules(t, map[string][]string{"Broken": {"sum by (rate(a[1m])"}}))
	assert.Error(t, err, "promtool finds nothing wrong with a broken query: %s", out)
}

// wanted is what the rules and the dashboard ask for, without what the rules themselves make.
func wanted(t *testing.T) series {
	t.Helper()
	all, made := series{}, []string{"ALERTS", "up"}
	for _, rule := range append(rulesOf(t, "recording.yml"), rulesOf(t, "alerts.yml")...) {
		all.add(seriesOf(rule.Expr))
		if rule.Record != "" {
			made = append(made, rule.Record)
		}
	}
	for _, expressions := range readDashboard(t).queries() {
		for _, expression := range expressions {
			all.add(seriesOf(expression))
		}
	}
	for _, name := range made {
		assert.Contains(t, all, name, "nothing asks for what the rules record")
		delete(all, name)
	}
	return all
}
