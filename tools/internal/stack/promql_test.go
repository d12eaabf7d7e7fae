package stack

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// series are the names of metrics that an expression asks for, each with the labels that it
// matches on.
type series map[string][]string

// promtool says whether an expression is one; what it is about is simple enough to be read here.
var (
	promText     = regexp.MustCompile(`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'`)
	promComment  = regexp.MustCompile(`#[^\n]*`)
	promRange    = regexp.MustCompile(`\[[^\]]*\]`)
	promGrouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	promName     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	promSelector = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(\(|\{[^}]*\})?`)
	promNumber   = regexp.MustCompile(`\b\d[\w.]*`)
)

// promWords are operators that look like names.
var promWords = []string{"and", "or", "unless", "bool", "offset", "by", "without", "inf", "nan"}

// seriesOf reads an expression.
func seriesOf(expression string) series {
	text := promText.ReplaceAllString(expression, `""`)
	text = promComment.ReplaceAllString(text, "")
	text = promRange.ReplaceAllString(text, "")
	text = promGrouping.ReplaceAllString(text, "")
	text = promNumber.ReplaceAllStringFunc(text, func(number string) string { return " " })
	all := series{}
	for _, m := range promSelector.FindAllStringSubmatch(text, -1) {
		name, next := m[1], m[2]
		if next == "(" || slices.Contains(promWords, strings.ToLower(name)) {
			continue
		}
		all[name] = append(all[name], promName.FindAllString(next, -1)...)
	}
	return all
}

// add puts in what other has.
func (s series) add(other series) {
	for name, labels := range other {
		s[name] = append(s[name], labels...)
	}
}

// asked is the metrics with the labels that are matched on, except for those that Prometheus adds.
func (s series) asked() []string {
	var list []string
	for name, labels := range s {
		list = append(list, name)
		for _, label := range labels {
			if label != "job" && label != "instance" {
				list = append(list, name+"{"+label+"}")
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestExpressionsAreRead(t *testing.T) {
	for expression, want := range map[string][]string{
		`up == 0`:          {"up"},
		`up{job="a"} == 0`: {"up"},
		`sum by (job, le) (rate(http_requests_total{route!~"/a|b{}", status=~"5.."}[1m]))`:   {"http_requests_total", "http_requests_total{route}", "http_requests_total{status}"},
		`histogram_quantile(0.99, sum(rate(a_bucket[5m:1m] offset 1w)) without (le))`:        {"a_bucket"},
		`a:b:rate1m > 1e3 and on (job) (c / ignoring (x) group_left (y) d) or vector(0)`:     {"a:b:rate1m", "c", "d"},
		`boxoffice_queue_waiting{queue='default'} > 0.9 * 256 * 1024 # and not = "this one"`: {"boxoffice_queue_waiting", "boxoffice_queue_waiting{queue}"},
		"absent(a) unless bool_metric": {"a", "bool_metric"},
	} {
		assert.Equal(t, want, seriesOf(expression).asked(), expression)
	}
	assert.Equal(t, []string{"a", "b"}, slices.Sorted(maps.Keys(seriesOf("a + b"))))
}
