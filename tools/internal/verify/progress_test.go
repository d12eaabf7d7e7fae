package verify

import (
	"strings"
	"testing"
)

func TestLinesArePlainWithoutATerminal(t *testing.T) {
	var out strings.Builder
	l := &Lines{Out: &out}
	l.Started(2, "vet", "")
	l.Started(2, "starter", "01-price")
	l.Finished(2, Result{Check: "vet", Outcome: Skipped, Reason: "no network", Seconds: 1})
	l.Finished(2, Result{Check: "starter", Subject: "01-price", Outcome: Failed, Seconds: 2.25})
	l.Clear()
	want := "skip    1.0 s  vet: no network\nFAIL    2.2 s  starter 01-price\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

func TestLiveLineFitsTheTerminal(t *testing.T) {
	var out strings.Builder
	l := &Lines{Out: &out, Live: true, Width: func() int { return 20 }}
	l.Started(7, "wrong-answers", "01-price/minimum")
	if want := "\r\x1b[K[0/7] wrong-answers"; out.String() != want {
		t.Errorf("drew %q, want %q", out.String(), want)
	}
	out.Reset()
	l.Finished(7, Result{Check: "wrong-answers", Subject: "01-price/minimum", Outcome: Passed, Note: "1 test"})
	if want := "\r\x1b[Kok      0.0 s  wrong-answers 01-price/minimum (1 test)\n"; out.String() != want {
		t.Errorf("drew %q, want %q", out.String(), want)
	}
}
