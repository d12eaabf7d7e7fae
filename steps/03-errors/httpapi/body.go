package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
		return boxoffice.Invalid(wrongType.Field, "must be a "+jsonType(wrongType))
	default:
		if field, unknown := unknownField(err); unknown {
			return boxoffice.Invalid(field, "is no field of this request")
		}
		return fmt.Errorf("%w: %w", errNotOneObject, err)
	}
}

// jsonType is the JSON type that a field should have had.
func jsonType(wrong *json.UnmarshalTypeError) string {
	if strings.HasPrefix(wrong.Type.String(), "int") {
		return "whole number"
	}
	return wrong.Type.String()
}

// unknownField is the field that DisallowUnknownFields complains of: encoding/json
// has no type for that error.
func unknownField(err error) (name string, unknown bool) {
	name, unknown = strings.CutPrefix(err.Error(), "json: unknown field ")
	return strings.Trim(name, `"`), unknown
}
