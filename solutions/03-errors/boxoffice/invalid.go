package boxoffice

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// InvalidError says field by field what is wrong with the input. It is an
// ErrInvalid.
type InvalidError struct {
	Fields []FieldError
}

// FieldError says what is wrong with one field, in words for whoever filled it in.
type FieldError struct {
	Field   string
	Message string
}

// Invalid is an InvalidError about one field.
func Invalid(field, message string) error {
	return &InvalidError{Fields: []FieldError{{field, message}}}
}

func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Message
	}
	return ErrInvalid.Error() + ": " + strings.Join(parts, "; ")
}

// Is reports whether target is ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// checks collects what is wrong with an input.
type checks struct {
	failed []FieldError
}

// that notes the message about the field unless ok.
func (c *checks) that(ok bool, field, message string) {
	if !ok {
		c.failed = append(c.failed, FieldError{field, message})
	}
}

// err returns an InvalidError with all that is wrong, or nil.
func (c *checks) err() error {
	if len(c.failed) == 0 {
		return nil
	}
	return &InvalidError{Fields: c.failed}
}

// JoinInvalid returns one InvalidError with the fields that the errors name, and nil
// when all of them are nil. An error that is no InvalidError is returned as it is.
func JoinInvalid(errs ...error) error {
	var all checks
	for _, err := range errs {
		var invalid *InvalidError
		switch {
		case errors.As(err, &invalid):
			all.failed = append(all.failed, invalid.Fields...)
		case err != nil:
			return err
		}
	}
	return all.err()
}

// isText reports whether s is text that can be stored: UTF-8 without zero bytes, and
// without U+FFFD, which encoding/json puts in the place of what isn't UTF-8.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsAny(s, "\x00\uFFFD")
}
