package draw

import (
	"encoding/xml"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/site/markup"
)

func chartOf(logarithm bool, values ...float64) *Chart {
	c := &Chart{measurement.Chart{Title: "t", Conclusion: "c", Unit: "u", Logarithm: logarithm, Columns: []string{"one"},
		Machine: "m", Versions: "v", Command: "a < b", Date: "d"}}
	for _, v := range values {
		c.Rows = append(c.Rows, measurement.ChartRow{Name: "r", Values: []float64{v}})
	}
	return c
}

func TestBars(t *testing.T) {
	width := regexp.MustCompile(`<rect [^>]*width="([^"]*)"`)
	cases := map[string]struct {
		chart *Chart
		want  []string
	}{
		"linear":            {chartOf(false, 50, 100, 25), []string{"37.00%", "74.00%", "18.50%"}},
		"none":              {chartOf(false, 0, 100), []string{"74.00%"}},
		"next to none":      {chartOf(false, 0.01, 100), []string{"0.40%", "74.00%"}},
		"only nothing":      {chartOf(false, 0), nil},
		"powers of ten":     {chartOf(true, 10, 100, 1000), []string{"24.67%", "49.33%", "74.00%"}},
		"below one":         {chartOf(true, 0.1, 10), []string{"24.67%", "74.00%"}},
		"not a power":       {chartOf(true, 40, 1000), []string{"22.28%", "74.00%"}},
		"powers of one bar": {chartOf(true, 10), []string{"74.00%"}},
	}
	for name, c := range cases {
		assert.NoError(t, c.chart.Check(), name)
		var got []string
		for _, m := range width.FindAllStringSubmatch(string(c.chart.Figure()), -1) {
			got = append(got, m[1])
		}
		assert.Equal(t, c.want, got, name)
	}
}

func TestChartSaysWhatItShows(t *testing.T) {
	figure := string(chartOf(true, 1204.5, 10).Figure())
	for _, want := range []string{
		`role="img" aria-label="t. c"`, `>1,204.5</text>`, `<figcaption>c `, "powers of ten",
		`<td class="right">1,204.5</td>`, `<th scope="row">r</th>`, "a &lt; b",
	} {
		assert.Contains(t, figure, want)
	}
	assert.Empty(t, markup.Scan("<main>"+figure+"</main>").Faults)
}

func TestChartsThatCannotBeDrawn(t *testing.T) {
	assert.ErrorContains(t, chartOf(true, 0).Check(), "the value 0, which has no bar")
	assert.ErrorContains(t, chartOf(false, -1).Check(), "the value -1")
	assert.ErrorContains(t, chartOf(false).Check(), "no columns or no rows")
}

func TestFigures(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 0.59: "0.59", 12345.6: "12,345.6"} {
		assert.Equal(t, want, figureText(value))
	}
}

func TestChartAsAFile(t *testing.T) {
	c := chartOf(false, 50, 1000)
	c.Conclusion, c.Rows[0].Name = "More < most", "01-baseline"
	drawn := string(c.SVG())
	var document struct {
		Title string `xml:"title"`
		Desc  string `xml:"desc"`
		Bars  []struct {
			Width float64 `xml:"width,attr"`
		} `xml:"rect"`
	}
	assert.NoError(t, xml.Unmarshal([]byte(drawn), &document))
	assert.Equal(t, "More < most", document.Title)
	assert.Equal(t, "01-baseline: 50; r: 1,000", document.Desc, "whoever sees no bars is told the numbers")
	assert.InDelta(t, 20, document.Bars[1].Width/document.Bars[0].Width, 0.1)
}
