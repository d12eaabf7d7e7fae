package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/steps/02-layers/boxoffice"
)

// statuses says how the errors of the boxoffice are answered.
var statuses = []struct {
	err    error
	status int
}{
	{boxoffice.ErrInvalid, http.StatusBadRequest},
	{boxoffice.ErrUnauthenticated, http.StatusUnauthorized},
	{boxoffice.ErrBadCredentials, http.StatusUnauthorized},
	{boxoffice.ErrForbidden, http.StatusForbidden},
	{boxoffice.ErrNotFound, http.StatusNotFound},
	{boxoffice.ErrEmailTaken, http.StatusConflict},
	{boxoffice.ErrSoldOut, http.StatusConflict},
	{boxoffice.ErrTooManyTickets, http.StatusUnprocessableEntity},
	{boxoffice.ErrEventBegun, http.StatusUnprocessableEntity},
}

// fail answers a request that ended in an error.
func fail(c *gin.Context, err error) {
	c.AbortWithStatusJSON(statusOf(err), gin.H{"error": err.Error()})
}

func statusOf(err error) int {
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			return known.status
		}
	}
	// TODO(task 3): this knows the words of the driver. Once the store speaks the
	// errors of the boxoffice, it can go.
	switch {
	case strings.Contains(err.Error(), "no rows in result set"):
		return http.StatusNotFound
	case strings.Contains(err.Error(), "duplicate key"):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
