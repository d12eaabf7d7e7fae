package httpapi

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

// region health

// TODO(task 3): somebody thought that the more a check checks, the better. Who
// asks each of these two, and what do they do about a no?

// healthz says whether the process is alive. Whoever asks restarts it if not.
func (a *api) healthz(c *gin.Context) error {
	if err := a.options.Ready(c.Request.Context()); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
	return nil
}

// readyz says whether this instance can serve requests now. Whoever asks sends it
// no requests if not.
func (a *api) readyz(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"status": "ready"})
	return nil
}

// endregion
