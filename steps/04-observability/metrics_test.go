package main_test

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// The names that the dashboards of this API are made of.
const (
	requestsTotal = "http_requests_total"
	duration      = "http_request_duration_seconds"
	inFlight      = "http_requests_in_flight"
)

func TestRequestsAreCounted(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	token := app.LogIn(lab.Buyer)
	before := app.Metrics(0)
	for _, kind := range []struct {
		request *lab.Request
		times   int
		labels  []string
	}{
		{lab.GET("/events/%d", lab.OnSale.ID), 7, []string{"method", "GET", "route", "/events/:id", "status", "200"}},
		{lab.GET("/events/999999999"), 3, []string{"method", "GET", "route", "/events/:id", "status", "404"}},
		{lab.GET("/events/abc"), 4, []string{"method", "GET", "route", "/events/:id", "status", "400"}},
		{lab.GET("/me").As(token), 5, []string{"method", "GET", "route", "/me", "status", "200"}},
		{lab.GET("/me"), 2, []string{"method", "GET", "route", "/me", "status", "401"}},
		{lab.POST("/users", `{"email":`), 6, []string{"method", "POST", "route", "/users", "status", "400"}},
		{lab.PUT("/events", lab.Body{}), 3, []string{"method", "PUT", "status", "405"}},
		{lab.POST("/nowhere", lab.Body{}), 8, []string{"method", "POST", "status", "404"}},
		{lab.DELETE("/sessions/"), 2, []string{"method", "DELETE", "status", "404"}}, // gin's own redirect isn't counted
		{lab.GET("/faults/error"), 2, []string{"method", "GET", "route", "/faults/error", "status", "500"}},
	} {
		answer := app.Times(kind.times, kind.request)[0]
		requireCount(t, app, before, answer, requestsTotal, kind.times, kind.labels...)
	}
	requireRoutes(t, app)
}

// requireRoutes demands that each request is counted under some route, those to paths
// that don't exist as well.
func requireRoutes(t *testing.T, app *lab.App) {
	t.Helper()
	metrics := app.Metrics(0)
	for _, name := range []string{requestsTotal, duration + "_count"} {
		for _, s := range metrics.Samples(name) {
			lab.Require(t, s.Labels["route"] != "", lab.Finding{
				Measured: "some requests are counted under no route:\n" + seriesText(s),
				Expected: "a route in each series, for paths that don't exist and methods that a path doesn't know as well",
				Why:      "To Prometheus, an empty label is one that isn't there. On a graph by route, these requests are a line without a name.",
				Try:      "curl -s localhost:8080/nowhere\ncurl -s localhost:8080/metrics | grep " + name,
			})
		}
	}
}

func TestPanickedRequestIsCounted(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	before := app.Metrics(0)
	answer := app.Times(4, lab.GET("/faults/panic"))[0]
	requireCount(t, app, before, answer, requestsTotal, 4, "route", "/faults/panic", "status", "500")
	requireCount(t, app, before, answer, duration+"_count", 4, "route", "/faults/panic")
	for _, path := range []string{"/faults/abort", "/faults/late-panic"} {
		answer := app.Burst(3, func(int) *lab.Request { return lab.GET("%s", path) })[0]
		requireCount(t, app, before, answer, requestsTotal, 3, "route", path) // with a status or another
		requireCount(t, app, before, answer, duration+"_count", 3, "route", path)
	}
	// What waits when the database hangs is left by those who wait.
	request := lab.GET("/events/%d", lab.OnSale.ID)
	before = app.Metrics(0)
	requireCount(t, app, before, leave(t, app, request, "events", 0), requestsTotal, 1, "route", "/events/:id")
	requireCount(t, app, before, answer, duration+"_count", 1, "route", "/events/:id")
	requireAtRest(t, app, "after 11 requests that panicked, broke off or were left by their client")
}

func TestLatencyIsAHistogram(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	before := app.Metrics(0)
	route := []string{"method", "GET", "route", "/events/:id"}
	request := lab.GET("/events/%d", lab.OnSale.ID)
	answer := app.Times(9, request)[0]
	requireCount(t, app, before, answer, duration+"_count", 9, route...)

	start := time.Now()
	before = app.Metrics(0)
	// Another event: what the API knows of the first by now, it may not ask again.
	request = lab.GET("/events/%d", lab.FewLeft.ID)
	_, waited := hold(t, app, request, lab.Touches("events"), moreThanASecond)
	requireCount(t, app, before, answer, duration+"_count", 1, route...)
	observed := app.Metrics(0).Sum(duration+"_sum", route...) - before.Sum(duration+"_sum", route...)
	lab.Require(t, observed >= waited.Seconds() && observed <= time.Since(start).Seconds(), lab.Finding{
		Measured: fmt.Sprintf("%s waited %v for PostgreSQL, and %s_sum grew by %.4f", request, waited.Round(time.Millisecond), duration, observed),
		Expected: fmt.Sprintf("%.3f or a little more: seconds, from the first handler to the last", waited.Seconds()),
		Why:      latencyWhy(observed, time.Since(start)),
	})
	requireBuckets(t, app, route)
}

// latencyWhy says what a wrong latency does, when the request took at most that long.
func latencyWhy(observed float64, most time.Duration) string {
	if observed > most.Seconds() {
		return "The name says seconds, and so do the buckets. In another unit, every request falls into the last bucket, and every graph shows an outage."
	}
	return "A histogram that leaves the waiting out says that all is well while everybody waits."
}

// requireBuckets demands buckets that tell a good answer from a slow one.
func requireBuckets(t *testing.T, app *lab.App, route []string) {
	t.Helper()
	metrics := app.Metrics(0)
	fine, coarse, all := false, false, 0.0
	var bounds []string
	for _, s := range metrics.Samples(duration + "_bucket") {
		if s.Labels["method"] != route[1] || s.Labels["route"] != route[3] {
			continue
		}
		bound, err := strconv.ParseFloat(s.Labels["le"], 64)
		require.NoError(t, err, "read the bound of a bucket")
		bounds = append(bounds, s.Labels["le"])
		fine = fine || bound <= 0.05
		coarse = coarse || bound >= 1 && !math.IsInf(bound, 1)
		if math.IsInf(bound, 1) {
			all += s.Value
		}
	}
	lab.Require(t, fine && coarse, lab.Finding{
		Measured: fmt.Sprintf("%d buckets of %s: up to %s", len(bounds), duration, strings.Join(bounds, ", ")),
		Expected: "some that end at 0.05 seconds or below, some that end at 1 second or above",
		Why:      "A bucket is all that is kept of a request. From 4 ms and 40 ms in the same one, no query gets them apart again.",
	})
	count := metrics.Sum(duration+"_count", route...)
	lab.Require(t, all == count, lab.Finding{
		Measured: fmt.Sprintf("the bucket +Inf holds %.0f requests, and %s_count says %.0f", all, duration, count),
		Expected: "the same number",
		Why:      "Each request falls into the last bucket; otherwise every percentile is wrong.",
	})
}

func TestInFlightIsCounted(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	const held = 5
	gate := app.Postgres.Hold(lab.Touches("events"))
	defer gate.Open()
	var pending []*lab.Pending
	for i := range held { // an event each: requests for the same one might share a statement
		pending = append(pending, app.Begin(lab.GET("/events/%d", 1000+i)))
	}
	lab.Eventually(t, patience, func() bool { return gate.Hits() == held }, lab.Finding{
		Measured: fmt.Sprintf("of %d requests sent at the same time, fewer reached PostgreSQL", held),
		Expected: fmt.Sprintf("%d requests that wait for PostgreSQL", held),
		Why:      "The test holds them there, to see whether you can see them.",
	})
	now := eventuallyMetrics(app, func(now lab.Metrics) bool {
		return now.Sum(inFlight) == held || now.Sum(inFlight) == held+1
	}).Sum(inFlight)
	lab.Require(t, now == held || now == held+1, lab.Finding{
		Measured: fmt.Sprintf("%d requests wait for PostgreSQL, and %s says %.0f", held, inFlight, now),
		Expected: fmt.Sprintf("%d, or one more for the request that asks", held),
		Why:      "When the database hangs, no request ends: nothing is counted, nothing is logged. This number is the only one that moves.",
	})
	gate.Open()
	for _, p := range pending {
		p.Wait(patience)
	}
	requireAtRest(t, app, fmt.Sprintf("after all %d requests were answered", held))
}

// requireAtRest demands that nothing is in flight but the request that asks.
func requireAtRest(t *testing.T, app *lab.App, when string) {
	t.Helper()
	now := eventuallyMetrics(app, func(now lab.Metrics) bool {
		return now.Sum(inFlight) == 0 || now.Sum(inFlight) == 1
	}).Sum(inFlight)
	lab.Require(t, now == 0 || now == 1, lab.Finding{
		Measured: fmt.Sprintf("%s is %.0f %s", inFlight, now, when),
		Expected: "0, or 1 for the request that asks",
		Why:      "A number that only grows looks like an overload, and somebody is woken up for it.",
	})
}

func TestSeriesStayBounded(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	buyer, others := app.LogIn(lab.Buyer), []string{app.LogIn(lab.OtherBuyer), app.LogIn(lab.Organiser)}
	const rounds, slack = 60, 20
	for i := range 2 {
		sendOddities(t, app, i)
	}
	app.Do(lab.GET("/me").As(buyer))
	app.Metrics(0)
	before := app.Metrics(0)
	lab.Require(t, before.Has(requestsTotal), lab.Finding{
		Measured: "there is no " + requestsTotal,
		Expected: requestsTotal + ", with few values in each label",
		Why:      "What isn't counted can't be seen.",
	})
	for i := range rounds {
		sendOddities(t, app, 1000+i)
	}
	after := app.Metrics(0)
	lab.Require(t, growth(before, after) <= slack, lab.Finding{
		Measured: fmt.Sprintf("%d requests, each with an id, a path, a method or a host of its own, made %d new series%s",
			rounds*oddities, growth(before, after), example(before, after)),
		Expected: "no new series, whatever clients send",
		Why:      "Each series costs Prometheus some kilobytes, for as long as it is kept. A label that a client may fill is a way to end your monitoring from outside.",
	})
	before = app.Metrics(0)
	for _, token := range others {
		app.Do(lab.GET("/me").As(token))
	}
	after = app.Metrics(0)
	lab.Require(t, growth(before, after) <= 0, lab.Finding{
		Measured: fmt.Sprintf("the same request of two other users made %d new series%s", growth(before, after), example(before, after)),
		Expected: "no new series",
		Why:      "A series for each user, and you pay for a million of them. Who did what is a question for the log.",
	})
}

// oddities is how many requests sendOddities sends.
const oddities = 10

// sendOddities sends requests that differ from all others in what a client may
// choose. None of them finds anything.
func sendOddities(t *testing.T, app *lab.App, i int) {
	t.Helper()
	word := letters(i)
	for _, o := range []struct{ method, path, host, body string }{
		{"GET", fmt.Sprintf("/events/x%d", i), "", ""},
		{"GET", fmt.Sprintf("/events/%d", 100_000_000+i), "", ""},
		{"GET", fmt.Sprintf("/wp-admin/%d", i), "", ""},
		{"GET", fmt.Sprintf("/events?limit=x%d", i), "", ""},
		{"PUT", fmt.Sprintf("/events/%d", 100_000_000+i), "", ""}, // a path that exists, for other methods
		{fmt.Sprintf("BREW%d", i), "/events", "", ""},
		{"BREW" + word, "/events", "", ""},
		{"GET", "/me", fmt.Sprintf("shop%d.example", i), ""},
		{"POST", "/users", "", fmt.Sprintf(`{"field_%s":1}`, word)},
		{"POST", "/users", "", "not JSON"}, // of a Content-Type that nobody else has
	} {
		request, err := http.NewRequest(o.method, app.Instances[0].URL+o.path, strings.NewReader(o.body))
		require.NoError(t, err, "make a request")
		request.Host = o.host
		for _, name := range []string{"User-Agent", "Referer", "Origin", "Accept-Language", "X-Forwarded-Host", "X-Client-Version", idHeader} {
			request.Header.Set(name, "from-"+word)
		}
		request.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", i/256, i%256))
		request.Header.Set("Authorization", "Bearer "+word)
		request.Header.Set("Content-Type", "application/json")
		if o.body == "not JSON" {
			request.Header.Set("Content-Type", "application/x-"+word)
		}
		answer, err := http.DefaultClient.Do(request)
		lab.Require(t, err == nil, lab.Finding{
			Measured: fmt.Sprintf("%s %s got no answer: %v", o.method, o.path, err),
			Expected: "an answer, whatever it says",
			Why:      "Anybody can send this.",
		})
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// letters is the number in capital letters, four of them.
func letters(i int) string {
	text := make([]byte, 4)
	for at := range text {
		text[at] = 'A' + byte(i%26)
		i /= 26
	}
	return string(text)
}

// growth returns how many series there are now that were not there before.
func growth(before, after lab.Metrics) int { return after.Series() - before.Series() }

// example names one of the series of requests that are new.
func example(before, after lab.Metrics) string {
	for _, name := range []string{requestsTotal, duration + "_count", inFlight} {
		known := map[string]bool{}
		for _, s := range before.Samples(name) {
			known[seriesText(s)] = true
		}
		for _, s := range after.Samples(name) {
			if text := seriesText(s); !known[text] {
				return ", such as\n" + text
			}
		}
	}
	return ""
}

// seriesText is a series as it stands in /metrics.
func seriesText(s lab.Sample) string {
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		labels = append(labels, name, s.Labels[name])
	}
	return s.Name + labelText(labels)
}

// A guard: the connections were counted before you came. An API may also open some by itself, as
// a readiness check in the background does. One that comes between the looks at the two counts
// is in one of them alone, so a second look is fair.
func TestConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	const name, looks = "db_connections_opened_total", 8
	for look := 1; ; look++ {
		before, opened := app.Metrics(0), app.Postgres.Stats()
		answer := app.Times(5, lab.GET("/events/%d", lab.OnSale.ID))[0]
		want := app.Postgres.Stats().Since(opened).Connections
		if now := app.Metrics(0); now.Sum(name)-before.Sum(name) == float64(want) {
			return
		}
		if look == looks {
			requireCount(t, app, before, answer, name, want)
			return
		}
	}
}

// requireCount demands that a counter has grown by want.
func requireCount(t *testing.T, app *lab.App, before lab.Metrics, answer *lab.Response, name string, want int, labels ...string) {
	t.Helper()
	growth := func(now lab.Metrics) float64 { return now.Sum(name, labels...) - before.Sum(name, labels...) }
	now := eventuallyMetrics(app, func(now lab.Metrics) bool { return growth(now) == float64(want) })
	grown := growth(now)
	measured := fmt.Sprintf("%s%s grew by %.0f", name, labelText(labels), grown)
	if !now.Has(name) {
		measured = "there is no " + name
	} else if others := nearMisses(before, now, name); grown < float64(want) && others != "" {
		measured += "; what did grow is\n" + others
	}
	lab.Require(t, grown == float64(want), lab.Finding{
		Measured: measured,
		Expected: fmt.Sprintf("%s%s grows by %d", name, labelText(labels), want),
		Why:      "The rate of errors, alerts and each decision to scale come from these counts. One that is wrong is worse than none.",
		Try:      answer.Curl() + "\ncurl -s localhost:8080/metrics | grep " + name,
	})
}

// eventuallyMetrics asks for the metrics until the condition holds, but not for long,
// and returns the last answer. It asks few times: each is a line in the API's log, of
// which a failed test shows the end.
func eventuallyMetrics(app *lab.App, condition func(now lab.Metrics) bool) lab.Metrics {
	for pause := 5 * time.Millisecond; ; pause *= 6 {
		now := app.Metrics(0)
		if condition(now) || pause > soon {
			return now
		}
		time.Sleep(pause)
	}
}

// nearMisses lists some series of a metric that have grown since before.
func nearMisses(before, now lab.Metrics, name string) string {
	old := map[string]float64{}
	for _, s := range before.Samples(name) {
		old[seriesText(s)] = s.Value
	}
	var grown []string
	for _, s := range now.Samples(name) {
		text := seriesText(s)
		if s.Value > old[text] && s.Labels["route"] != "/metrics" && len(grown) < 3 {
			grown = append(grown, fmt.Sprintf("%s +%.0f", text, s.Value-old[text]))
		}
	}
	return strings.Join(grown, "\n")
}

func labelText(labels []string) string {
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
