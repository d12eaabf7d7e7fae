package lab

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Metrics is what an instance tells Prometheus at one moment.
type Metrics struct {
	samples []Sample
}

// Sample is one series and its value.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Metrics asks the nth instance, counted from 0, for GET /metrics. It ends the test
// with a finding when the answer is no text that Prometheus reads
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
func (a *App) Metrics(instance int) Metrics {
	a.t.Helper()
	response := a.Do(GET("/metrics").On(instance)).
		Expect(http.StatusOK, "Prometheus reads GET /metrics every few seconds. Without it, nobody sees how the API is until a customer calls.")
	samples, err := parseMetrics(string(response.Body))
	if err == nil && len(samples) == 0 {
		err = errors.New("there is no series in it")
	}
	if err != nil {
		a.t.Fatal(Finding{
			Measured: fmt.Sprintf("GET /metrics answered what Prometheus can't read: %v\n%s", err, response.excerpt()),
			Expected: "one series a line: http_requests_total{method=\"GET\"} 42",
			Why:      "Prometheus drops all that an instance tells when one line is wrong.",
			Try:      response.Curl(),
		}.String())
	}
	return Metrics{samples: samples}
}

// Series returns how many series there are, the buckets of histograms included.
// Each costs memory in Prometheus, for as long as it is kept.
func (m Metrics) Series() int { return len(m.samples) }

// Samples returns the series of that name. A histogram's are named …_bucket, …_sum
// and …_count.
func (m Metrics) Samples(name string) []Sample {
	var found []Sample
	for _, s := range m.samples {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// Has reports whether there is a series of that name.
func (m Metrics) Has(name string) bool { return len(m.Samples(name)) > 0 }

// Sum adds up the series of that name that have all the labels, given as name and
// value: Sum("http_requests_total", "method", "GET"). It is 0 when there is none.
func (m Metrics) Sum(name string, labels ...string) float64 {
	sum := 0.0
	for _, s := range m.Samples(name) {
		if s.has(labels) {
			sum += s.Value
		}
	}
	return sum
}

func (s Sample) has(labels []string) bool {
	for pair := range slices.Chunk(labels, 2) {
		if len(pair) != 2 {
			panic("lab: Sum takes labels as name and value")
		}
		if value, ok := s.Labels[pair[0]]; !ok || value != pair[1] {
			return false
		}
	}
	return true
}

// parseMetrics reads Prometheus's text format, version 0.0.4. Comments, types and
// times are passed over.
func parseMetrics(text string) ([]Sample, error) {
	var samples []Sample
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sample, err := parseSample(line)
		if err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", number, shorten(line, 80), err)
		}
		samples = append(samples, sample)
	}
	return samples, nil
}

func parseSample(line string) (Sample, error) {
	end := strings.IndexAny(line, "{ \t")
	if end < 0 {
		return Sample{}, errors.New("it has no value")
	}
	s := Sample{Name: line[:end], Labels: map[string]string{}}
	if !isMetricName(s.Name) {
		return Sample{}, fmt.Errorf("%q is no name of a metric", s.Name)
	}
	rest := line[end:]
	if rest[0] == '{' {
		var err error
		if rest, err = s.parseLabels(rest[1:]); err != nil {
			return Sample{}, err
		}
	}
	fields := strings.Fields(rest)
	if len(fields) != 1 && len(fields) != 2 {
		return Sample{}, errors.New("it has no value")
	}
	var err error
	if s.Value, err = strconv.ParseFloat(fields[0], 64); err != nil {
		return Sample{}, fmt.Errorf("%q is no number", fields[0])
	}
	return s, nil
}

// parseLabels reads name="value" pairs up to the closing brace, and returns what
// follows it.
func (s *Sample) parseLabels(text string) (rest string, err error) {
	for {
		text = strings.TrimLeft(text, " \t,")
		if rest, ok := strings.CutPrefix(text, "}"); ok {
			return rest, nil
		}
		name, after, ok := strings.Cut(text, "=")
		after = strings.TrimLeft(after, " \t")
		if name = strings.TrimSpace(name); !ok || !isMetricName(name) || !strings.HasPrefix(after, `"`) {
			return "", errors.New(`its labels are not name="value"`)
		}
		value, after, err := unquoteLabel(after[1:])
		if err != nil {
			return "", err
		}
		if _, twice := s.Labels[name]; twice {
			return "", fmt.Errorf("it has the label %s twice", name)
		}
		s.Labels[name], text = value, after
	}
}

// unquoteLabel reads up to the closing quote; \\, \" and \n are escaped.
func unquoteLabel(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], nil
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("a label's value doesn't end")
}

func isMetricName(name string) bool {
	for i, c := range name {
		letter := c == '_' || c == ':' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
