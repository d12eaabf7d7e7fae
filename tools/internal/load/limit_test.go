package load

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/load/ceiling"
	"example.com/boxoffice/tools/internal/measurement"
)

func TestTheLimitComparesLikeWithLike(t *testing.T) {
	t.Parallel()
	solution := Variant{Name: "solution", Binary: "/bin/10-solution", Worker: "work"}
	list, err := Limit(solution)
	require.NoError(t, err)
	own, err := os.Executable()
	require.NoError(t, err)
	smallest := func(name, kind string) Variant {
		return Variant{Name: name, Binary: own, Args: []string{ceiling.Name, kind}, Migrator: "/bin/10-solution"}
	}
	require.Equal(t, []Variant{
		smallest("bare", ceiling.Constant),
		smallest("bare+redis", ceiling.Redis),
		{Name: "cached", Against: "bare+redis", Binary: "/bin/10-solution"},
		smallest("bare+row", ceiling.Row),
		{Name: "uncached", Against: "bare+row", Binary: "/bin/10-solution", Env: []string{"CACHE_TTL=1ms"}},
	}, list, "without the worker: looks leave it nothing to do")
}

func TestScenariosAreWhole(t *testing.T) {
	t.Parallel()
	for name, scenario := range map[string]course.Scenario{"journey": JourneyScenario, "limit": LimitScenario} {
		require.NoError(t, scenario.Check(measurement.Columns()), name)
		m := newMix(scenario.Requests, []int64{42, 43})
		for _, r := range scenario.Requests {
			_, random := m.nth(1)
			filled := m.fill(r.Path+" "+r.Body, random)
			require.Empty(t, inBraces.FindAllString(filled, -1), "%s: a name that stands for nothing", name)
			require.Equal(t, r.As == course.AsBuyer, strings.HasSuffix(r.Path, "/orders"), "%s: %s %s", name, r.Method, r.Path)
		}
	}
}

func TestTheJourneyIsMostlyLooks(t *testing.T) {
	t.Parallel()
	m := newMix(JourneyScenario.Requests, []int64{42, 43})
	require.Equal(t, 100, m.weights, "weights are percentages")
	require.True(t, m.needsBuyers())
	looks, orders := 0, 0
	for _, r := range JourneyScenario.Requests {
		switch {
		case r.Method == "GET":
			looks += r.Weight
		case r.As == course.AsBuyer:
			orders += r.Weight
		}
	}
	require.Equal(t, []int{93, 5}, []int{looks, orders})
	require.False(t, newMix(LimitScenario.Requests, []int64{42}).needsBuyers())
}
