// Package logging writes log lines as JSON, each with the attributes of the
// request that it belongs to.
package logging

import (
	"context"
	"io"
	"log/slog"
	"slices"
)

// New returns a logger that writes one JSON object a line to w, from the level on.
// What [With] has put into a context stands in each line logged with it.
func New(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(handler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})})
}

// attrs is the key under which a context carries its attributes.
type attrs struct{}

// With returns a context whose log lines carry the attributes, beside those that
// ctx has already.
func With(ctx context.Context, more ...slog.Attr) context.Context {
	return context.WithValue(ctx, attrs{}, slices.Concat(of(ctx), more))
}

// requestID is the key under which a context carries the id of its request.
type requestID struct{}

// WithRequestID returns a context that belongs to the request with the id. Its log
// lines carry the id, as request_id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return With(context.WithValue(ctx, requestID{}, id), slog.String("request_id", id))
}

// RequestID returns the id of the request that the context belongs to, "" if none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}

func of(ctx context.Context) []slog.Attr {
	found, _ := ctx.Value(attrs{}).([]slog.Attr)
	return found
}

// region handler

// handler is a slog.Handler that adds the attributes of the context.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(of(ctx)...)
	return h.Handler.Handle(ctx, r)
}

// endregion

func (h handler) WithAttrs(as []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(as)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name)}
}
