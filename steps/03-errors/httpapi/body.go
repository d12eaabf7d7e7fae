package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/steps/03-errors/boxoffice"
)

// readBody decodes the request's body into v.
//
// TODO(task 2): take one JSON object with the fields of v and no others, of 64 KiB
// at most, however it is sent, and only what calls itself application/json.
func readBody(c *gin.Context, v any) error {
	if err := c.ShouldBindJSON(v); err != nil {
		return bodyError(err)
	}
	return nil
}

var errNotOneObject = boxoffice.Invalid("body", "must be one JSON object")

// bodyError says what is wrong with a body, in words for the client.
func bodyError(err error) error {
	var wrongType *json.UnmarshalTypeError
	switch { // TODO(task 2): a body that is too large is an error of its own
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
