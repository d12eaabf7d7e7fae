package measurement

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
)

func example() *Report {
	rounds := func(rates ...float64) (list []*Round) {
		for _, rate := range rates {
			list = append(list, &Round{Sustained: rate, P50: 1000 / rate})
		}
		return list
	}
	return &Report{
		Step: "06-pooling", Title: "Step 06, Stop opening connections",
		Scenario: course.Scenario{
			Text: "A look at one event.", Steady: 50,
			Columns: []string{"sustained", "p50", "connections", "queries", "rows", "commands"},
		},
		Figures: []*Figures{
			{Name: "starter", Rounds: rounds(110, 100, 90), Requests: 300, Connections: 301, Queries: 2, Rows: 1},
			{Name: "yours", Against: "starter", Rounds: rounds(95, 120, 104), Requests: 300, Connections: 299, Queries: 2.02, Rows: 1, Failed: 2, FirstBad: "GET /events/42: 503"},
			{Name: "solution", Against: "starter", Rounds: rounds(2400, 2000, 2300), Requests: 300, Connections: 4, Queries: 1, Rows: 1, Commands: 1.3},
		},
		Rounds: 3, Machine: "2 cores, linux/amd64", Versions: "Go 1.26.8",
		Command: "go tool workshop measure 06", Date: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Took: time.Minute,
	}
}

func TestReportTellsTheDifferenceFirst(t *testing.T) {
	t.Parallel()
	require.Equal(t, strings.TrimPrefix(`
Step 06, Stop opening connections
A look at one event.

  Your code against the starter:
    within the noise    sustained rate
    within the noise    p50
    about the same      connections opened
    about the same      queries a request
    the same            rows a request
    the same            Redis commands a request
  The solution against the starter:
    23 times more       sustained rate
    23 times less       p50
    75 times less       connections opened
    2.0 times less      queries a request
    the same            rows a request
    1.3 instead of 0.0  Redis commands a request

                               starter   yours   solution
  sustained rate, requests/s       100     104      2,300
  p50, ms                         10.0     9.6       0.43
  connections opened               301     299          4
  queries a request                2.0     2.0        1.0
  rows a request                   1.0     1.0        1.0
  Redis commands a request         0.0     0.0        1.3

  Your code failed 2 and refused 0 of 300 requests; the first: GET /events/42: 503
  Latencies and counts: 50 requests a second, 300 requests each.
  Sustained: 99 % of the requests answered within 100ms of being due; the median
  of 3 rounds. "Within the noise": rounds of the one reach into those of the other.
  Clients, API and database share 2 cores, linux/amd64; Go 1.26.8.
  go tool workshop measure 06, 2026-11-21, in 1m0s.
`, "\n"), strings.TrimPrefix(example().String(), "\n"))
}

func TestManyAPIsHaveALineEach(t *testing.T) {
	t.Parallel()
	r := example()
	r.Scenario.Columns = []string{"sustained", "queries"}
	for r.Figures[0].Name = "01"; len(r.Figures) < manyAPIs; {
		r.Figures = append(r.Figures, &Figures{Name: "more", Queries: 0.5})
	}
	require.Contains(t, r.String(), `
             sustained/s   queries
  01                 100       2.0
  yours              104       2.0
  solution         2,300       1.0
  more                 0      0.50
`)
}

func TestHeadlineIsTheFirstColumn(t *testing.T) {
	t.Parallel()
	h, ok := example().Headline()
	require.True(t, ok)
	require.Equal(t, Headline{
		Name: "sustained rate", Unit: "requests/s", Change: "The solution against the starter: 23 times more",
		Names: []string{"starter", "yours", "solution"}, Values: []float64{100, 104, 2300},
	}, h)
	_, ok = (&Report{}).Headline()
	require.False(t, ok)
}

func TestReportsAreKept(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	_, err := Newest(root, "06-pooling")
	require.ErrorIs(t, err, fs.ErrNotExist)
	first, second := example(), example()
	second.Rounds = 4
	require.NoError(t, Keep(root, first))
	require.NoError(t, Keep(root, second))
	kept, err := Newest(root, "06-pooling")
	require.NoError(t, err)
	require.Equal(t, second, kept)
	all, err := os.ReadFile(filepath.Join(root, ".workshop", "measurements", "06-pooling.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(all), "\n"), "the first is still there")
}

func TestAMedianIsInTheMiddle(t *testing.T) {
	t.Parallel()
	f := &Figures{}
	require.Zero(t, f.SustainedRate())
	for i, want := range []float64{30, 20, 20} {
		f.Rounds = append(f.Rounds, &Round{Sustained: []float64{30, 10, 20}[i]})
		require.InDelta(t, want, f.SustainedRate(), 0)
	}
}

func TestChartsAreMadeOfTheHeadline(t *testing.T) {
	t.Parallel()
	c, err := example().Chart()
	require.NoError(t, err)
	require.Equal(t, []string{"starter", "yours", "solution"}, c.Columns)
	require.Equal(t, []ChartRow{{"sustained rate", []float64{100, 104, 2300}}}, c.Rows)
	require.Equal(t, "The solution against the starter: 23 times more", c.Conclusion)
	require.False(t, c.Logarithm, "at 23 times the least can be seen")

	r := example()
	for len(r.Figures) < manyAPIs {
		r.Figures = append(r.Figures, &Figures{Name: "more", Rounds: []*Round{{Sustained: 12.3456}}})
	}
	c, err = r.Chart()
	require.NoError(t, err)
	require.Equal(t, []string{"sustained rate"}, c.Columns)
	require.Equal(t, ChartRow{"more", []float64{12.3}}, c.Rows[5])
	require.True(t, c.Logarithm)

	_, err = (&Report{Step: "x"}).Chart()
	require.ErrorContains(t, err, "no figure to draw")
}

func TestReportOfABusyMachineSaysSo(t *testing.T) {
	t.Parallel()
	r := example()
	require.NotContains(t, r.String(), "busy")
	r.Busy = "This machine is busy: it was."
	require.Contains(t, r.String(), "\n  This machine is busy: it was.\n")
}
