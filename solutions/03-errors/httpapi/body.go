package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/solutions/03-errors/boxoffice"
)

const maxBody = 64 << 10 // bytes that handlers may read of a body

// region readBody

// readBody decodes the request's body into v: one JSON object with the fields of v
// and no others.
func readBody(c *gin.Context, v any) error {
	if kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type")); kind != "application/json" {
		return errNotJSON
	}
	decoder := json.NewDecoder(c.Request.Body)
	decoder.DisallowUnknownFields()
	// Through &v, the body null makes v nil. Into v, it would change nothing, and pass.
	if err := decoder.Decode(&v); err != nil {
		return bodyError(err)
	}
	if v == nil {
		return errNotOneObject
	}
	switch _, err := decoder.Token(); err {
	case io.EOF:
		return nil
	case nil:
		return errNotOneObject
	default:
		return bodyError(err)
	}
}

var errNotOneObject = boxoffice.Invalid("body", "must be one JSON object")

// bodyError says what is wrong with a body, in words for the client.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &tooLarge):
		return errBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errBodyTooSlow
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return boxoffice.Invalid(wrongType.Field, "must be "+jsonType(wrongType.Type))
	default:
		if field, unknown := unknownField(err); unknown {
			return boxoffice.Invalid(field, "is no field of this request")
		}
		return fmt.Errorf("%w: %w", errNotOneObject, err)
	}
}

// jsonType says what a field of the type takes, in JSON's words: a client doesn't know
// what a []string is.
func jsonType(t reflect.Type) string {
	switch zero := reflect.Zero(t); {
	case zero.CanInt(), zero.CanUint():
		return "a whole number"
	case zero.CanFloat():
		return "a number"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Array:
		return "a list"
	default:
		return "an object"
	}
}

// unknownField is the field that DisallowUnknownFields complains of: encoding/json
// has no type for that error.
func unknownField(err error) (name string, unknown bool) {
	name, unknown = strings.CutPrefix(err.Error(), "json: unknown field ")
	return strings.Trim(name, `"`), unknown
}

// endregion
