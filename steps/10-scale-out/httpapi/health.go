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

// readyz says whether to send this instance requests.
//
// TODO(task 1): one that drains (a.options.Draining) wants no more: errNotReady.
func (a *api) readyz(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	if err := a.options.Ready(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	c.JSON(http.StatusOK, gin.H{"status": "ready"})
	return nil
}

// endregion

// sendAway stands before each route.
//
// TODO(task 2): a proxy keeps its connections open. While this instance drains, each
// answer should say that this was the last one on its connection.
func (a *api) sendAway(c *gin.Context) {}
