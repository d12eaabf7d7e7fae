package lab

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindingFitsATerminal(t *testing.T) {
	t.Parallel()
	text := Finding{
		Measured: "300 requests opened 300 connections",
		Expected: "at most 10",
		Why:      strings.Repeat("Every connection is a process of the server and costs memory. ", 3),
		Try:      "go tool workshop run 06\ncurl -i localhost:8080/events/42 " + strings.Repeat("x", 100),
		Read:     "site/content/steps/06-pooling.md",
	}.String()
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "curl") {
			require.LessOrEqual(t, len(strings.TrimSpace(line)), 78, line)
		}
	}
	require.Contains(t, text, "\n  measured  300 requests opened 300 connections\n")
	require.Contains(t, text, "\n  read on   site/content/steps/06-pooling.md\n")
	require.Contains(t, text, "curl -i localhost:8080/events/42 "+strings.Repeat("x", 100), "a command is never broken")
}

func TestWrapKeepsEveryWord(t *testing.T) {
	t.Parallel()
	const text = "one two three four five six seven eight nine ten"
	lines := wrap(text, 12)
	require.Equal(t, text, strings.Join(lines, " "))
	for _, line := range lines {
		require.LessOrEqual(t, len(line), 12)
	}
}

func TestWrapKeepsIndentation(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"Limit", "  Seq Scan", "  of events"}, wrap("Limit\n  Seq Scan of events", 12))
}

func TestLogBufferJoinsWhatArrivesInPieces(t *testing.T) {
	t.Parallel()
	var logs logBuffer
	for _, piece := range []string{"fir", "st\nsec", "ond\n{\"msg\":", "\"third\"}\nrest"} {
		_, err := logs.Write([]byte(piece))
		require.NoError(t, err)
	}
	lines := logs.all()
	require.Len(t, lines, 4)
	require.Equal(t, []string{"first", "second", `{"msg":"third"}`, "rest"},
		[]string{lines[0].Text, lines[1].Text, lines[2].Text, lines[3].Text})
	require.Equal(t, "third", lines[2].Fields["msg"])
}

func TestLogsWithoutAnEndAreCutInTheMiddle(t *testing.T) {
	t.Parallel()
	var logs logBuffer
	text := strings.Repeat("x", 1000)
	const lines = 2 * mostLogged / 1000
	for n := range lines {
		_, err := fmt.Fprintf(&logs, "%d %s\n", n, text)
		require.NoError(t, err)
	}
	kept := logs.all()
	require.Less(t, len(kept), lines*6/10)
	require.Equal(t, "0 "+text, kept[0].Text)
	require.Equal(t, fmt.Sprintf("%d %s", lines-1, text), kept[len(kept)-1].Text)
	require.Regexp(t, `^\(\d+ more lines came here`, kept[len(kept)-keptLast-1].Text)

	logs = logBuffer{}
	for range 5 {
		_, err := logs.Write(bytes.Repeat([]byte("y"), longestLine))
		require.NoError(t, err)
		require.LessOrEqual(t, len(logs.rest), longestLine)
	}
	require.Len(t, logs.all(), 5, "a line without an end")
}

func TestAStackBeginsWithThePanicsLine(t *testing.T) {
	line := `{"level":"ERROR","msg":"panic","stack":"goroutine 5 [running]:\nruntime/debug.Stack()\n\t/go/src/runtime/debug/stack.go:26 +0x5e\nexample.com/boxoffice/httpapi.recoverPanics.func1()\n\t/httpapi/errors.go:166 +0xb2\npanic({0x105b3a0?, 0x117b460e2a50?})\n\t/go/src/runtime/panic.go:860 +0x13a\nruntime.goPanicIndex(0x1)\n\t/go/src/runtime/panic.go:115 +0x74\nexample.com/boxoffice/httpapi.(*api).listEvents(0x1)\n\t/httpapi/events.go:51 +0x2\n"}`
	logs := &logBuffer{}
	_, err := logs.Write([]byte(line + "\n"))
	require.NoError(t, err)
	require.Equal(t, `{"level":"ERROR","msg":"panic","stack":"goroutine 5 [running]: … \nexample.com/boxoffice/httpapi.(*api).listEvents(0x1)\n\t/httpapi/events.go:51 +0x2\n"}`, strings.TrimSpace(logs.tail(1)))
}
