package main

import (
	"testing"

	"example.com/boxoffice/tools/lab"
)

func TestOrderCostsItsTickets(t *testing.T) {
	lab.Task(t, 1)
	if got := total(3, 1500); got != 4500 {
		t.Errorf("three tickets of 1500 cost %d, want 4500", got)
	}
}

func TestNothingCostsNothing(t *testing.T) {
	lab.Task(t, 1)
	if got := total(0, 1500); got != 0 {
		t.Errorf("no ticket costs %d, want 0", got)
	}
}
