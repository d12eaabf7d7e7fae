package measurement

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Chart is a report's headline as a chart of the site: what site/data/*.json hold.
type Chart struct {
	Title      string     `json:"title"`
	Conclusion string     `json:"conclusion"` // the caption
	Unit       string     `json:"unit"`
	Logarithm  bool       `json:"logarithm"` // bars in powers of ten
	Columns    []string   `json:"columns"`
	Rows       []ChartRow `json:"rows"`
	Machine    string     `json:"machine"`
	Versions   string     `json:"versions"`
	Command    string     `json:"command"`
	Date       string     `json:"date"` // 2026-11-21
}

// ChartRow is a group of bars, one for each column.
type ChartRow struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// powersOfTen is the ratio of the largest to the least value from which on bars are drawn in
// powers of ten: below, the least can be seen beside the largest.
const powersOfTen = 50

// Chart draws the headline: a row with a bar for each API, or, of many APIs, a row for each.
func (r *Report) Chart() (*Chart, error) {
	h, ok := r.Headline()
	if !ok {
		return nil, fmt.Errorf("the measurement of %s has no figure to draw", r.Step)
	}
	c := &Chart{
		Title: r.Title + ": " + h.Name, Conclusion: h.Change, Unit: h.Unit,
		Machine: r.Machine, Versions: r.Versions, Command: r.Command, Date: r.Date.Format(time.DateOnly),
	}
	if c.Conclusion == "" {
		c.Conclusion = c.Title
	}
	least := slices.Min(h.Values)
	c.Logarithm = least > 0 && slices.Max(h.Values) > powersOfTen*least
	for i, v := range h.Values {
		h.Values[i] = significant(v)
	}
	if len(h.Names) < manyAPIs {
		c.Columns, c.Rows = h.Names, []ChartRow{{h.Name, h.Values}}
		return c, nil
	}
	c.Columns = []string{h.Name}
	for i, name := range h.Names {
		c.Rows = append(c.Rows, ChartRow{name, h.Values[i : i+1]})
	}
	return c, nil
}

// JSON is the chart as it stands in a file.
func (c *Chart) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	return append(text, '\n'), err
}

// significant rounds to three digits, and to a whole number at least.
func significant(v float64) float64 {
	if v == 0 {
		return 0
	}
	digits := max(2-math.Floor(math.Log10(math.Abs(v))), 0)
	scale := math.Pow(10, digits)
	return math.Round(v*scale) / scale
}
