package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// readyTimeout is how long the check of readiness may take. It is shorter than the
// balancer's patience.
const readyTimeout = time.Second

// region health

// healthz says that the process is alive. It asks nobody else: a restart doesn't
// mend a database.
func (a *api) healthz(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
	return nil
}

// readyz says whether to send this instance requests. One that drains serves those
// that come, and wants no more.
func (a *api) readyz(c *gin.Context) error {
	if a.options.Draining() {
		return fmt.Errorf("%w: draining", errNotReady)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	if err := a.options.Ready(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	c.JSON(http.StatusOK, gin.H{"status": "ready"})
	return nil
}

// endregion

// region sendAway

// sendAway ends the connection with the answer while this instance drains. A proxy
// keeps connections open; one that is closed just as a request goes out costs that
// request. This way the proxy knows before.
func (a *api) sendAway(c *gin.Context) {
	c.Writer = &lastAnswer{c.Writer, a.options.Draining}
}

// lastAnswer asks as the answer begins: its request may have come before the drain.
type lastAnswer struct {
	gin.ResponseWriter
	draining func() bool
}

func (w *lastAnswer) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer of a handler that says no status.
func (w *lastAnswer) Write(body []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(body)
}

func (w *lastAnswer) begin() {
	if w.draining() {
		w.Header().Set("Connection", "close")
	}
}

// endregion
