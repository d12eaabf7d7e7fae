// Package httpapi answers requests: it reads them, asks the service, and writes
// what that returns. It holds neither rules nor SQL.
package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/boxoffice/solutions/10-scale-out/boxoffice"
)

type api struct {
	service *boxoffice.Service
	options Options
}

// Options are for whoever operates the API.
type Options struct {
	// Registry holds the metrics that /metrics shows.
	Registry *prometheus.Registry
	// Ready returns why the API can't serve, or nil.
	Ready func(ctx context.Context) error
	// Timeout is how long a request may take, from its arrival on.
	Timeout time.Duration
	// Draining reports whether this instance is about to leave. It answers all the same.
	Draining func() bool
	// TrustedProxies are the addresses and networks whose X-Forwarded-For is true.
	TrustedProxies []string
	// Faults adds the routes under /faults/, which fail on purpose.
	Faults bool
}

// New returns the handler of all routes.
func New(service *boxoffice.Service, options Options) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode) // the debug mode writes lines of its own into the log
	a := &api{service: service, options: options}
	r := gin.New()
	r.HandleMethodNotAllowed = true
	// gin would redirect /events/ to /events by itself: past all middleware, and to
	// where X-Forwarded-Prefix says.
	r.RedirectTrailingSlash = false
	// Without this line, gin believes X-Forwarded-For whoever sends it.
	if err := r.SetTrustedProxies(options.TrustedProxies); err != nil {
		return nil, fmt.Errorf("read TRUSTED_PROXIES: %w", err)
	}
	// gin would look into X-Real-IP besides, which a proxy may pass on as a visitor wrote it.
	r.RemoteIPHeaders = []string{"X-Forwarded-For"}
	// From the outside in: the id comes first, so that each line has it. Logs and
	// metrics see the status that a panic ends with.
	r.Use(identify, logRequest, newMetrics(options.Registry).measure, recoverPanics, a.sendAway, limitTime(options.Timeout))
	r.NoRoute(handle(noRoute))
	r.NoMethod(handle(noMethod))

	r.POST("/users", handle(a.signUp))
	r.POST("/sessions", handle(a.logIn))
	r.GET("/events", handle(a.listEvents))
	r.GET("/events/:id", handle(a.getEvent))
	r.GET("/healthz", handle(a.healthz))
	r.GET("/readyz", handle(a.readyz))
	r.GET("/metrics", gin.WrapH(promhttp.HandlerFor(options.Registry, promhttp.HandlerOpts{})))
	if options.Faults {
		a.addFaults(r)
	}

	users := r.Group("/", handle(a.requireLogin))
	users.DELETE("/sessions", handle(a.logOut))
	users.GET("/me", handle(a.me))
	users.PATCH("/events/:id", handle(a.changeEvent))
	users.POST("/events/:id/orders", handle(a.createOrder))
	users.GET("/orders/:id", handle(a.getOrder))
	users.GET("/me/orders", handle(a.myOrders))
	users.POST("/reports/sales", handle(a.reportSales))
	users.GET("/jobs/:id", handle(a.getJob))
	// The limit stands outside of gin. It ends the connection through net/http's own
	// writer, which gin's hides: without it, a client that is still sending loses its
	// 413 to a reset.
	return http.MaxBytesHandler(r, maxBody), nil
}

// pathID returns the id in the request's path, or an InvalidError.
func pathID(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, boxoffice.Invalid("id", "must be a positive number")
	}
	return id, nil
}

// region limitTime

// limitTime gives the request's context a deadline. Whatever is done with that
// context, such as waiting for a connection, ends by then.
func limitTime(timeout time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), timeout)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

// endregion
