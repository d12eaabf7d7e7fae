// Package httpapi answers requests: it reads them, asks the service, and writes
// what that returns. It holds neither rules nor SQL.
package httpapi

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/solutions/02-layers/boxoffice"
)

type api struct {
	service *boxoffice.Service
}

// New returns the handler of all routes.
func New(service *boxoffice.Service) http.Handler {
	gin.SetMode(gin.ReleaseMode) // the debug mode writes lines of its own into the log
	a := &api{service: service}
	r := gin.Default()
	r.POST("/users", a.signUp)
	r.POST("/sessions", a.logIn)
	r.GET("/events", a.listEvents)
	r.GET("/events/:id", a.getEvent)

	users := r.Group("/", a.requireLogin)
	users.DELETE("/sessions", a.logOut)
	users.GET("/me", a.me)
	users.PATCH("/events/:id", a.changeEvent)
	users.POST("/events/:id/orders", a.createOrder)
	users.GET("/orders/:id", a.getOrder)
	users.GET("/me/orders", a.myOrders)
	return r
}

// pathID returns the id in the request's path, or boxoffice.ErrInvalid.
func pathID(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%w: %q is not an id", boxoffice.ErrInvalid, c.Param("id"))
	}
	return id, nil
}

// readBody decodes the request's body into v, or returns boxoffice.ErrInvalid.
func readBody(c *gin.Context, v any) error {
	if err := c.ShouldBindJSON(v); err != nil {
		return fmt.Errorf("%w: %w", boxoffice.ErrInvalid, err)
	}
	return nil
}
