package site

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/site/markup"
)

func TestLivePageShowsWhatThisMachineMeasured(t *testing.T) {
	f := newFixture(t)
	s := f.open()
	page := func(o Options) string {
		text, err := s.Render("steps/01-adding.html", o)
		require.NoError(t, err)
		return string(text)
	}
	assert.NotContains(t, page(Options{Live: true}), "On your machine")
	require.NoError(t, measurement.Keep(f.root, &measurement.Report{
		Step: "01-adding", Title: "Step 01, <Adding>", Scenario: course.Scenario{Text: "Adds.", Columns: []string{"queries"}},
		Figures: []*measurement.Figures{{Name: "starter", Queries: 51}, {Name: "yours", Against: "starter", Queries: 2}},
		Machine: "2 cores", Versions: "Go", Command: "go tool workshop measure 01",
	}))
	live := page(Options{Live: true})
	assert.Contains(t, live, "On your machine")
	assert.Contains(t, live, "Your code against the starter: 26 times less")
	assert.Contains(t, live, ">51</text>")
	assert.Contains(t, live, "Step 01, &lt;Adding&gt;", "the report's text is text")
	assert.Empty(t, markup.Scan(live).Faults)
	assert.NotContains(t, page(Options{}), "On your machine", "the published site shows the course's figures alone")

	require.NoError(t, os.WriteFile(filepath.Join(f.root, ".workshop", "measurements", "01-adding.json"), []byte("{"), 0o600))
	assert.NotContains(t, page(Options{Live: true}), "On your machine", "what can't be read isn't shown")
}

func TestReadmesDrawingIsThatOfTheJourney(t *testing.T) {
	f := newFixture(t)
	said := func() string { return f.open().Check().Error() }
	path, err := f.open().Draw()
	require.NoError(t, err)
	assert.Empty(t, path, "nothing is measured yet")
	chart, err := json.Marshal(measurement.Chart{
		Title: "t", Conclusion: "c", Unit: "u", Columns: []string{"rate"}, Rows: []measurement.ChartRow{{Name: "01", Values: []float64{5}}},
		Machine: "m", Versions: "v", Command: "x", Date: "d",
	})
	require.NoError(t, err)
	f.write("site/data/journey.json", string(chart))
	assert.Contains(t, said(), "to draw it: go tool workshop site draw")
	path, err = f.open().Draw()
	require.NoError(t, err)
	assert.FileExists(t, path)
	assert.NotContains(t, said(), "site draw")
}
