package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/steps/03-errors/boxoffice"
)

// The errors of HTTP itself.
var (
	errNoRoute          = errors.New("there is nothing at this path")
	errMethodNotAllowed = errors.New("this path doesn't take the method; Allow lists those that it takes")
	errBodyTooLarge     = errors.New("the body is larger than 64 KiB")
	errBodyTooSlow      = errors.New("the body took too long to arrive")
	errNotJSON          = errors.New("the body must be sent as Content-Type: application/json")
)

// statuses says how errors are answered. Their texts are for clients. What isn't
// here is a fault of ours.
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
	{errNoRoute, http.StatusNotFound},
	{errMethodNotAllowed, http.StatusMethodNotAllowed},
	{errBodyTooLarge, http.StatusRequestEntityTooLarge},
	{errBodyTooSlow, http.StatusRequestTimeout},
	{errNotJSON, http.StatusUnsupportedMediaType},
}

// problem is the body of every refusal, as RFC 9457 has it.
type problem struct {
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Errors []fieldProblem `json:"errors,omitempty"`
}

// fieldProblem says what is wrong with one field of the request.
type fieldProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// handler answers a request, or returns why it can't.
type handler func(c *gin.Context) error

// handle is the one place where an error becomes an answer.
func handle(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		switch err := h(c); {
		case err == nil:
		case clientLeft(c, err):
			c.AbortWithStatus(statusClientLeft)
		default:
			fail(c, err)
		}
	}
}

// statusClientLeft is nginx's, and for the log alone: nobody reads the answer.
const statusClientLeft = 499

// clientLeft reports whether the request failed because its client hung up. That
// cancels the request's context, and with it what was being done: no fault of ours.
func clientLeft(c *gin.Context, err error) bool {
	ours := statusOf(err) >= http.StatusInternalServerError
	return ours && errors.Is(c.Request.Context().Err(), context.Canceled)
}

// fail answers a request that ended in an error, and keeps the handlers behind
// this one from running.
//
// TODO(task 1): answer with a problem instead. Clients may see the text of an error
// in the table; everything else is for the log. What if half an answer is out?
// TODO(task 2): name the fields of a boxoffice.InvalidError, too.
func fail(c *gin.Context, err error) {
	c.AbortWithStatusJSON(statusOf(err), gin.H{"error": err.Error()})
}

func statusOf(err error) int {
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			return known.status
		}
	}
	return http.StatusInternalServerError
}

// TODO(task 1): a panic, an unknown path and a method that a path doesn't take are
// refusals like any other. http.ErrAbortHandler is a panic that means something else.
