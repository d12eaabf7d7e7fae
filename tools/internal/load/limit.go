package load

import (
	"os"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/load/ceiling"
)

// LimitScenario asks for one event again and again, so that a cache has it.
var LimitScenario = course.Scenario{
	Text:     "Looks at one event.",
	Requests: []course.ScenarioRequest{{Method: "GET", Path: "/events/42"}},
	Steady:   100,
	Columns:  []string{"sustained", "p50", "cpu", "queries", "commands"},
}

// Limit is what shows how near a solution is to the limit: it, with its cache and with one
// that forgets at once, and the smallest handlers that do the same work.
func Limit(solution Variant) ([]Variant, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	handler := func(name, kind string) Variant {
		return Variant{Name: name, Binary: own, Args: []string{ceiling.Name, kind}, Migrator: solution.Binary}
	}
	solution.Worker = ""
	cached, uncached := solution, solution
	cached.Name, cached.Against = "cached", "bare+redis"
	uncached.Name, uncached.Against = "uncached", "bare+row"
	uncached.Env = []string{"CACHE_TTL=1ms"}
	return []Variant{
		handler("bare", ceiling.Constant),
		handler("bare+redis", ceiling.Redis), cached,
		handler("bare+row", ceiling.Row), uncached,
	}, nil
}
