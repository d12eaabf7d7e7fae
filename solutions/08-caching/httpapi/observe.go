package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"example.com/boxoffice/solutions/08-caching/logging"
)

// region requestID

// wellFormed is a request id that may go into logs and headers as it is.
var wellFormed = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives the request an id: the client's X-Request-ID if it is well formed,
// else a new one. The answer carries it, and so does each line that is logged with
// the request's context, and the body of a refusal.
func identify(c *gin.Context) {
	id := c.GetHeader("X-Request-ID")
	if !wellFormed.MatchString(id) {
		id = rand.Text()
	}
	c.Header("X-Request-ID", id)
	c.Request = c.Request.WithContext(logging.WithRequestID(c.Request.Context(), id))
}

// logWith adds attributes to all lines that are logged for the request from now on.
func logWith(c *gin.Context, attrs ...slog.Attr) {
	c.Request = c.Request.WithContext(logging.With(c.Request.Context(), attrs...))
}

// endregion

// region logRequest

// logRequest logs one line when the request has ended, however it ended.
func logRequest(c *gin.Context) {
	start := time.Now()
	aborted := true // until the handlers return
	defer func() {
		slog.LogAttrs(c.Request.Context(), slog.LevelInfo, "request",
			slog.String("method", c.Request.Method),
			slog.String("route", route(c)),
			slog.Int("status", c.Writer.Status()),
			slog.Float64("duration_ms", milliseconds(time.Since(start))),
			slog.Bool("aborted", aborted))
	}()
	c.Next()
	aborted = false
}

// route is the template of the request's path, such as /events/:id.
func route(c *gin.Context) string {
	if c.FullPath() == "" {
		return "unmatched"
	}
	return c.FullPath()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// endregion

// region metrics

// metrics counts and times the requests. Each label has few values, whatever
// clients send.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	factory := promauto.With(registry)
	return &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Requests answered, by method, route and status.",
		}, []string{"method", "route", "status"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time from a request's arrival to the end of its answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"method", "route"}),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "Requests that are being answered.",
		}),
	}
}

// measure counts and times the request.
func (m *metrics) measure(c *gin.Context) {
	start := time.Now()
	m.inFlight.Inc()
	defer func() {
		m.inFlight.Dec()
		method, route := method(c.Request), route(c)
		m.requests.WithLabelValues(method, route, strconv.Itoa(c.Writer.Status())).Inc()
		m.duration.WithLabelValues(method, route).Observe(time.Since(start).Seconds())
	}()
	c.Next()
}

// known are the methods that have a label of their own. Clients may send any word.
var known = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions,
}

func method(r *http.Request) string {
	if slices.Contains(known, r.Method) {
		return r.Method
	}
	return "other"
}

// endregion
