// Package lab is as much of a lab as the fixture needs.
package lab

import (
	"strconv"
	"testing"
)

// Task tells which task a test decides.
func Task(t *testing.T, number int) {
	t.Helper()
	t.Attr("task", strconv.Itoa(number))
}
