package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstRace(t *testing.T) {
	lines := func(texts ...string) (list []LogLine) {
		for _, text := range texts {
			list = append(list, LogLine{Text: text})
		}
		return list
	}
	require.Empty(t, firstRace(lines(`{"msg":"ok"}`, "==================")))
	require.Equal(t, "WARNING: DATA RACE\nWrite at 0x01 by goroutine 7:\n  main.login()",
		firstRace(lines(`{"msg":"ok"}`, "==================", "WARNING: DATA RACE", "Write at 0x01 by goroutine 7:", "  main.login()", "==================",
			`{"msg":"ok"}`, "==================", "WARNING: DATA RACE", "another", "==================")))
	require.Equal(t, "WARNING: DATA RACE\ncut off", firstRace(lines("WARNING: DATA RACE", "cut off")), "the process ended within it")
}
