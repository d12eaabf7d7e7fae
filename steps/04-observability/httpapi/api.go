// Package httpapi answers requests: it reads them, asks the service, and writes
// what that returns. It holds neither rules nor SQL.
package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/boxoffice/steps/04-observability/boxoffice"
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
	// Faults adds the routes under /faults/, which fail on purpose.
	Faults bool
}

// New returns the handler of all routes.
func New(service *boxoffice.Service, options Options) http.Handler {
	gin.SetMode(gin.ReleaseMode) // the debug mode writes lines of its own into the log
	a := &api{service: service, options: options}
	r := gin.New()
	r.HandleMethodNotAllowed = true
	// gin would redirect /events/ to /events by itself: past all middleware, and to
	// where X-Forwarded-Prefix says.
	r.RedirectTrailingSlash = false
	// From the outside in: the id comes first, so that each line has it. Logs and
	// metrics see the status that a panic ends with.
	// TODO(task 1): gin.Logger writes text, and all of the URL. When logRequest
	// writes its line, this one is a second one too many.
	r.Use(gin.Logger(), identify, logRequest, newMetrics(options.Registry).measure, recoverPanics)
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
	// The limit stands outside of gin. It ends the connection through net/http's own
	// writer, which gin's hides: without it, a client that is still sending loses its
	// 413 to a reset.
	return http.MaxBytesHandler(r, maxBody)
}

// pathID returns the id in the request's path, or an InvalidError.
func pathID(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, boxoffice.Invalid("id", "must be a positive number")
	}
	return id, nil
}
