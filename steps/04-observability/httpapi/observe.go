package httpapi

import (
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"example.com/boxoffice/steps/04-observability/logging"
)

// region requestID

// wellFormed is a request id that may go into logs and headers as it is.
var wellFormed = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives the request an id: the client's X-Request-ID if it is well formed,
// else a new one. The answer carries it, and so does each line that is logged with
// the request's context, and the body of a refusal.
func identify(c *gin.Context) {
	// TODO(task 1): do what the comment above says. crypto/rand.Text makes an id that
	// nobody guesses; logging.WithRequestID makes a context that carries it.
}

// logWith adds attributes to all lines that are logged for the request from now on.
func logWith(c *gin.Context, attrs ...slog.Attr) {
	c.Request = c.Request.WithContext(logging.With(c.Request.Context(), attrs...))
}

// endregion

// region logRequest

// logRequest logs one line when the request has ended, however it ended.
func logRequest(c *gin.Context) {
	// TODO(task 1): log the line "request" with method, route, status and duration_ms.
	// c.Next runs the handlers behind this one; when does it not return?
	c.Next()
}

// route is the template of the request's path, such as /events/:id.
// TODO(task 1): this is the path itself. And what about paths that we don't have?
func route(c *gin.Context) string { return c.Request.URL.Path }

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
	// TODO(task 2): keep the three metrics up to date, however the request ends.
	c.Next()
}

// method is the label for the request's method.
// TODO(task 2): a client may send any word as its method.
func method(r *http.Request) string { return r.Method }

// endregion
