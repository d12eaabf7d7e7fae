package httpapi

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
)

// addFaults adds routes that fail on purpose, for tests and drills: what an API
// does about a bug can't be seen while it has none.
func (a *api) addFaults(r gin.IRoutes) {
	r.GET("/faults/panic", func(*gin.Context) { panic("secret detail of a bug") })
	r.GET("/faults/error", handle(func(*gin.Context) error { return errors.New("secret detail of an error") }))
	r.GET("/faults/no-login", handle(a.myOrders)) // without requireLogin before it
	r.GET("/faults/abort-early", func(*gin.Context) { panic(http.ErrAbortHandler) })
	r.GET("/faults/abort", func(c *gin.Context) {
		writeHalf(c)
		panic(http.ErrAbortHandler)
	})
	r.GET("/faults/late-panic", func(c *gin.Context) {
		writeHalf(c)
		panic("secret detail of a late bug")
	})
}

// writeHalf sends the first half of an answer to the client.
func writeHalf(c *gin.Context) {
	c.Writer.WriteString(`{"events":[`)
	c.Writer.Flush()
}
