package draw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"example.com/boxoffice/tools/internal/measurement"
)

// Chart is a committed measurement, drawn as bars: site/data/*.json.
type Chart struct{ measurement.Chart }

// ReadChart reads a file of measurements and checks it.
func ReadChart(file string) (*Chart, error) {
	src, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("it isn't there (%w)", fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.DisallowUnknownFields()
	c := new(Chart)
	if err := decoder.Decode(c); err != nil {
		return nil, err
	}
	return c, c.Check()
}

// Check finds the first thing that a chart lacks.
func (c *Chart) Check() error {
	for field, value := range map[string]string{
		"title": c.Title, "conclusion": c.Conclusion, "unit": c.Unit,
		"machine": c.Machine, "versions": c.Versions, "command": c.Command, "date": c.Date,
	} {
		if strings.TrimSpace(value) == "" {
			return fmt.Errorf("there is no %s", field)
		}
	}
	if len(c.Columns) == 0 || len(c.Rows) == 0 {
		return errors.New("there are no columns or no rows")
	}
	for _, row := range c.Rows {
		if len(row.Values) != len(c.Columns) {
			return fmt.Errorf("the row %q has %d values for %d columns", row.Name, len(row.Values), len(c.Columns))
		}
		for _, value := range row.Values {
			if value < 0 || c.Logarithm && value == 0 {
				return fmt.Errorf("the row %q has the value %s, which has no bar", row.Name, figureText(value))
			}
		}
	}
	return nil
}

// The sizes of a chart, in pixels but for widest. Bars are percents of the width and text
// is as large as elsewhere, so that it stays legible on a narrow screen.
const (
	rowHead   = 25 // of the row's name
	barHead   = 18 // of the column's name, above its bar
	barHeight = 14
	barGap    = 4
	rowGap    = 14
	widest    = 74.0 // percent, of the longest bar; its value stands beside it
	sliver    = 0.4  // percent, of the shortest one that can be seen
)

// Figure makes the figure: the conclusion, the bars below it, and the numbers in a table.
func (c *Chart) Figure() template.HTML {
	var b strings.Builder
	b.WriteString(`<figure class="chart">`)
	fmt.Fprintf(&b, `<figcaption>%s <span class="note">%s</span></figcaption>`, Inline(c.Conclusion), html.EscapeString(c.scale()))
	c.bars(&b)
	c.table(&b)
	b.WriteString("</figure>\n")
	return template.HTML(b.String())
}

// scale says what the bars' lengths mean.
func (c *Chart) scale() string {
	if c.Logarithm {
		return "In " + c.Unit + ", drawn in powers of ten: a bar that is a little longer is much more."
	}
	return "In " + c.Unit + "."
}

func (c *Chart) bars(b *strings.Builder) {
	barHead := barHead
	if len(c.Columns) == 1 {
		barHead = 0 // the caption says what it is
	}
	row := rowHead + len(c.Columns)*(barHead+barHeight+barGap) + rowGap
	fmt.Fprintf(b, `<svg width="100%%" height="%d" role="img" aria-label="%s">`, row*len(c.Rows)-rowGap, html.EscapeString(c.Title+". "+c.Conclusion))
	for i, r := range c.Rows {
		y := i * row
		fmt.Fprintf(b, `<text class="row" x="0" y="%d">%s</text>`, y+15, html.EscapeString(r.Name))
		y += rowHead
		for j, value := range r.Values {
			percent := widest * c.length(value)
			if len(c.Columns) > 1 {
				fmt.Fprintf(b, `<text class="column" x="0" y="%d">%s</text>`, y+barHead-5, html.EscapeString(c.Columns[j]))
			}
			if value > 0 {
				percent = max(percent, sliver)
				fmt.Fprintf(b, `<rect class="bar bar-%d" x="0" y="%d" width="%.2f%%" height="%d" rx="2"/>`, j+1, y+barHead, percent, barHeight)
			}
			fmt.Fprintf(b, `<text class="value" x="%.2f%%" dx="7" y="%d">%s</text>`, percent, y+barHead+barHeight-2, figureText(value))
			y += barHead + barHeight + barGap
		}
	}
	b.WriteString("</svg>")
}

// length is how long the bar of a value is, from 0 to 1, the longest being 1.
func (c *Chart) length(value float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range c.Rows {
		for _, v := range row.Values {
			low, high = min(low, v), max(high, v)
		}
	}
	if !c.Logarithm {
		if high == 0 {
			return 0
		}
		return value / high
	}
	// The bars begin at a power of ten below the least value, so that it has one too.
	begin := math.Ceil(math.Log10(low)-1e-9) - 1 // 0.1 has a logarithm just above -1
	return (math.Log10(value) - begin) / (math.Log10(high) - begin)
}

// table holds the numbers, and where they come from, folded.
func (c *Chart) table(b *strings.Builder) {
	b.WriteString(`<details><summary>The numbers, and how they were measured</summary>` +
		`<div class="table" tabindex="0" role="group" aria-label="Table"><table><thead><tr><td></td>`)
	for _, column := range c.Columns {
		fmt.Fprintf(b, `<th scope="col" class="right">%s</th>`, html.EscapeString(column))
	}
	b.WriteString("</tr></thead><tbody>")
	for _, row := range c.Rows {
		fmt.Fprintf(b, `<tr><th scope="row">%s</th>`, html.EscapeString(row.Name))
		for _, value := range row.Values {
			fmt.Fprintf(b, `<td class="right">%s</td>`, figureText(value))
		}
		b.WriteString("</tr>")
	}
	what := c.Title
	if !strings.Contains(strings.ToLower(what), strings.ToLower(c.Unit)) {
		what += ", in " + c.Unit
	}
	fmt.Fprintf(b, "</tbody></table></div><p>%s. %s. %s. Measured on %s with <code>%s</code>.</p></details>",
		Inline(what), Inline(strings.TrimSuffix(c.Machine, ".")), Inline(strings.TrimSuffix(c.Versions, ".")),
		html.EscapeString(c.Date), html.EscapeString(c.Command))
}

// figureText is a number with commas between thousands: "1,204", "0.59".
func figureText(value float64) string {
	digits, rest, point := strings.Cut(strconv.FormatFloat(value, 'f', -1, 64), ".")
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if point {
		b.WriteString("." + rest)
	}
	return b.String()
}
