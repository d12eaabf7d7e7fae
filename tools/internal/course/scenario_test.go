package course

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScenariosThatCantBeMeasuredAreRefused(t *testing.T) {
	t.Parallel()
	fine := func() *Scenario {
		return &Scenario{Text: "Looks.", Steady: 1, Columns: []string{"p50"}, Requests: []ScenarioRequest{{Method: "GET", Path: "/me", As: AsBuyer}}}
	}
	require.NoError(t, fine().Check([]string{"p50"}))
	anybody := fine()
	anybody.Requests = append(anybody.Requests, ScenarioRequest{Method: "POST", Path: "/orders"})
	anybody.Columns = []string{"p99", "p50"}
	require.NoError(t, anybody.Check([]string{"p50", "p99"}))
	for want, change := range map[string]func(*Scenario){
		"no text":                                func(s *Scenario) { s.Text = " " },
		"no steady rate":                         func(s *Scenario) { s.Steady = 0 },
		"the scenario has no steady rate":        func(s *Scenario) { s.Steady = -50 },
		"no requests":                            func(s *Scenario) { s.Requests = nil },
		"no columns":                             func(s *Scenario) { s.Columns = nil },
		`"" "/me"; it takes a method and a path`: func(s *Scenario) { s.Requests[0].Method = "" },
		`"GET" "me"`:                             func(s *Scenario) { s.Requests[0].Path = "me" },
		`as "king"; it may be as`:                func(s *Scenario) { s.Requests[0].As = "king" },
		`shows "speed"; there are p50`:           func(s *Scenario) { s.Columns = append(s.Columns, "speed") },
	} {
		s := fine()
		change(s)
		require.ErrorContains(t, s.Check([]string{"p50"}), want)
	}
}
