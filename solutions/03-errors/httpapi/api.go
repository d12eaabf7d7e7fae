// Package httpapi answers requests: it reads them, asks the service, and writes
// what that returns. It holds neither rules nor SQL.
package httpapi

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/solutions/03-errors/boxoffice"
)

type api struct {
	service *boxoffice.Service
}

// Options are what an operator can switch.
type Options struct {
	// Faults adds the routes under /faults/, which fail on purpose.
	Faults bool
}

// New returns the handler of all routes.
func New(service *boxoffice.Service, options Options) http.Handler {
	gin.SetMode(gin.ReleaseMode) // the debug mode writes lines of its own into the log
	a := &api{service: service}
	r := gin.New()
	r.HandleMethodNotAllowed = true
	// gin would redirect /events/ to /events by itself: past all middleware, and to
	// where X-Forwarded-Prefix says.
	r.RedirectTrailingSlash = false
	// From the outside in: each log line has the final status, and a panic is
	// answered like any other error.
	r.Use(gin.Logger(), recoverPanics)
	r.NoRoute(handle(noRoute))
	r.NoMethod(handle(noMethod))

	r.POST("/users", handle(a.signUp))
	r.POST("/sessions", handle(a.logIn))
	r.GET("/events", handle(a.listEvents))
	r.GET("/events/:id", handle(a.getEvent))
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
