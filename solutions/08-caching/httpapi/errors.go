package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/solutions/08-caching/boxoffice"
	"example.com/boxoffice/solutions/08-caching/logging"
)

// The errors of HTTP itself.
var (
	errNoRoute          = errors.New("there is nothing at this path")
	errMethodNotAllowed = errors.New("this path doesn't take the method; Allow lists those that it takes")
	errBodyTooLarge     = errors.New("the body is larger than 64 KiB")
	errBodyTooSlow      = errors.New("the body took too long to arrive")
	errNotReady         = errors.New("not ready to serve")
	errNotJSON          = errors.New("the body must be sent as Content-Type: application/json")
)

// region statuses

// statuses says how errors are answered. Their texts are for clients. What isn't
// here is a fault of ours: clients see a bare 500.
var statuses = []struct {
	err    error
	status int
}{
	{boxoffice.ErrInvalid, http.StatusBadRequest},
	{boxoffice.ErrUnauthenticated, http.StatusUnauthorized},
	{boxoffice.ErrBadCredentials, http.StatusUnauthorized},
	{boxoffice.ErrLocked, http.StatusTooManyRequests},
	{boxoffice.ErrInDoubt, http.StatusInternalServerError}, // after a 503, clients ask again by themselves
	{boxoffice.ErrUnavailable, http.StatusServiceUnavailable},
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
	{errNotReady, http.StatusServiceUnavailable},
	{errNotJSON, http.StatusUnsupportedMediaType},
}

// endregion

// region problem

// problem is the body of every refusal, as RFC 9457 has it.
type problem struct {
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail,omitempty"`
	Errors    []fieldProblem `json:"errors,omitempty"`
	RequestID string         `json:"request_id,omitempty"` // what people tell support
}

// fieldProblem says what is wrong with one field of the request.
type fieldProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// problemOf says what a client may know about the error: the status, and the text
// of the error in the table. What is wrapped around that is for the log.
func problemOf(err error) problem {
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			p := problem{Title: http.StatusText(known.status), Status: known.status, Detail: known.err.Error()}
			p.addFields(err)
			return p
		}
	}
	return problem{Title: http.StatusText(http.StatusInternalServerError), Status: http.StatusInternalServerError}
}

func (p *problem) addFields(err error) {
	var invalid *boxoffice.InvalidError
	if !errors.As(err, &invalid) {
		return
	}
	for _, f := range invalid.Fields {
		p.Errors = append(p.Errors, fieldProblem{Field: f.Field, Detail: f.Message})
	}
}

// endregion

// region handle

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
	ours := problemOf(err).Status >= http.StatusInternalServerError
	return ours && errors.Is(c.Request.Context().Err(), context.Canceled)
}

// fail answers a request that ended in an error, and keeps the handlers behind
// this one from running. Once a part of another answer is out, the only honest
// end is to break the connection off.
func fail(c *gin.Context, err error) {
	p := problemOf(err)
	p.RequestID = logging.RequestID(c.Request.Context())
	if p.Status >= http.StatusInternalServerError {
		slog.ErrorContext(c.Request.Context(), "request failed", "error", err)
	}
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	switch p.Status {
	case http.StatusUnauthorized:
		slog.DebugContext(c.Request.Context(), "unauthenticated", "error", err) // clients don't learn why
		c.Header("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		c.Header("Retry-After", "1") // seconds
	case http.StatusRequestTimeout:
		// net/http hangs up: the rest of the body would be read as the next request.
		// This tells the client.
		c.Header("Connection", "close")
	}
	c.Header("Content-Type", "application/problem+json")
	c.AbortWithStatusJSON(p.Status, p)
}

// endregion

// region recoverPanics

// recoverPanics answers a panic with a bare 500. It lets http.ErrAbortHandler
// through, by which a handler breaks an answer off: net/http then cuts the
// connection, and the client sees that something is missing.
func recoverPanics(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler {
			panic(cause)
		}
		slog.ErrorContext(c.Request.Context(), "panic", "stack", string(debug.Stack()))
		fail(c, fmt.Errorf("panic: %v", cause))
	}()
	c.Next()
}

// endregion

func noRoute(*gin.Context) error { return errNoRoute }

func noMethod(*gin.Context) error { return errMethodNotAllowed }
