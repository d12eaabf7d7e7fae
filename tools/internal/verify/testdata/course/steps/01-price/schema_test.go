package main

import (
	"strings"
	"testing"
)

func TestSchemaIsBuiltIn(t *testing.T) {
	if !strings.Contains(schema, "orders") {
		t.Error("there is no table of orders")
	}
}
