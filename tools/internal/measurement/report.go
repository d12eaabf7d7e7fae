// Package measurement is what `workshop measure` has measured: figures of some APIs under the
// same load, as text for people, as JSON to keep, and as values for charts.
package measurement

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/course"
)

// Report is a measurement as it is kept: what was measured, on what, and when.
type Report struct {
	Step     string          `json:"step"`  // "06-pooling", or what else the file is named after
	Title    string          `json:"title"` // "Step 06, Stop opening connections"
	Scenario course.Scenario `json:"scenario"`
	Figures  []*Figures      `json:"figures"`
	Rounds   int             `json:"rounds"`
	Machine  string          `json:"machine"`
	Versions string          `json:"versions"`
	Command  string          `json:"command"`
	Date     time.Time       `json:"date"`
	Took     time.Duration   `json:"took"`
	// Busy says that the machine had much else to do when the measurement began; "" when it hadn't.
	Busy string `json:"busy,omitempty"`
}

// column is a figure that a scenario may name in its columns.
type column struct {
	label string // with its unit
	short string // for narrow columns
	whole bool   // printed without decimals
	// One of these: a count for all rounds, or what each round measured.
	count func(*Figures) float64
	round func(*Round) float64
}

// value is the figure of an API.
func (c column) value(f *Figures) float64 {
	if c.round != nil {
		return f.median(c.round)
	}
	return c.count(f)
}

var columns = map[string]column{
	"sustained":   {label: "sustained rate, requests/s", short: "sustained/s", whole: true, round: (*Round).sustained},
	"p50":         {label: "p50, ms", short: "p50 ms", round: (*Round).p50},
	"p95":         {label: "p95, ms", short: "p95 ms", round: (*Round).p95},
	"p99":         {label: "p99, ms", short: "p99 ms", round: (*Round).p99},
	"failed":      {label: "failed requests", short: "failed", whole: true, count: func(f *Figures) float64 { return float64(f.Failed) }},
	"queries":     {label: "queries a request", short: "queries", count: func(f *Figures) float64 { return f.Queries }},
	"rows":        {label: "rows a request", short: "rows", count: func(f *Figures) float64 { return f.Rows }},
	"bytes":       {label: "bytes on PostgreSQL's wire a request", short: "bytes", whole: true, count: func(f *Figures) float64 { return f.Bytes }},
	"connections": {label: "connections opened", short: "connections", whole: true, count: func(f *Figures) float64 { return float64(f.Connections) }},
	"commands":    {label: "Redis commands a request", short: "commands", count: func(f *Figures) float64 { return f.Commands }},
	"cpu":         {label: "CPU of the API a request, ms", short: "CPU ms", count: func(f *Figures) float64 { return f.CPU }},
	"memory":      {label: "memory of the API, MiB", short: "MiB", whole: true, count: func(f *Figures) float64 { return f.Memory }},
}

// Columns are the names of the figures that a scenario may show.
func Columns() []string {
	var names []string
	for name := range columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Headline is the figure that tells the story: the first of the scenario's columns.
type Headline struct {
	Name, Unit string    // "sustained rate", "requests/s"
	Change     string    // of the last API, in words; "" for one alone
	Names      []string  // of the APIs
	Values     []float64 // of each
}

// Headline returns false when the scenario names no figure that is known.
func (r *Report) Headline() (h Headline, ok bool) {
	if len(r.Scenario.Columns) == 0 || len(r.Figures) == 0 {
		return h, false
	}
	c, ok := columns[r.Scenario.Columns[0]]
	if !ok {
		return h, false
	}
	h.Name, h.Unit, _ = strings.Cut(c.label, ", ")
	if h.Unit == "" {
		h.Unit = h.Name
	}
	for _, f := range r.Figures {
		h.Names, h.Values = append(h.Names, f.Name), append(h.Values, c.value(f))
	}
	last := r.Figures[len(r.Figures)-1]
	if from := r.api(last.Against); from != nil {
		h.Change = fmt.Sprintf("%s against %s: %s", subject(last.Name), Object(from.Name), compare(c, from, last))
	}
	return h, true
}

// String is the report as a person reads it: what changed first, then the figures.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n%s\n\n", r.Title, r.Scenario.Text)
	if ratios := r.ratios(); len(ratios) > 0 {
		b.WriteString("  " + strings.Join(ratios, "\n  ") + "\n\n")
	}
	r.table(&b)
	b.WriteByte('\n')
	for _, line := range r.notes() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// ratios compare APIs with those that they are measured against, in words.
func (r *Report) ratios() (lines []string) {
	for _, f := range r.Figures {
		from := r.api(f.Against)
		if from == nil {
			continue
		}
		lines = append(lines, subject(f.Name)+" against "+Object(from.Name)+":")
		for _, name := range r.Scenario.Columns {
			if c, ok := columns[name]; ok {
				lines = append(lines, fmt.Sprintf("  %-18s  %s", compare(c, from, f), c.name()))
			}
		}
	}
	return lines
}

// api finds figures by their name; nil when there are none.
func (r *Report) api(name string) *Figures {
	for _, f := range r.Figures {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// name is the label without the unit.
func (c column) name() string {
	name, _, _ := strings.Cut(c.label, ",")
	return name
}

// subject is how a sentence about an API begins.
func subject(name string) string {
	if text := Object(name); text != name {
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return name
}

// Object is how a sentence speaks of an API: "the starter", "your code".
func Object(name string) string {
	switch name {
	case "yours":
		return "your code"
	case "starter", "solution":
		return "the " + name
	}
	return name
}

// compare says how a figure changed from one API to another.
func compare(c column, from, to *Figures) string {
	a, b := c.value(from), c.value(to)
	switch {
	case a == b:
		return "the same"
	case c.round != nil && overlap(from.sorted(c.round), to.sorted(c.round)):
		return "within the noise"
	case a == 0 || b == 0:
		return fmt.Sprintf("%s instead of %s", number(b, c), number(a, c))
	}
	ratio := max(a/b, b/a)
	if ratio < leastRatio {
		return "about the same"
	}
	if b < a {
		return times(ratio) + " times less"
	}
	return times(ratio) + " times more"
}

// overlap tells whether the rounds of one API reach into those of another, so that their
// order isn't certain. Both are sorted.
func overlap(a, b []float64) bool {
	return len(a) > 0 && len(b) > 0 && a[0] <= b[len(b)-1] && b[0] <= a[len(a)-1]
}

// leastRatio is what no reader would call a difference.
const leastRatio = 1.05

func times(ratio float64) string {
	if ratio < 10 {
		return strconv.FormatFloat(ratio, 'f', 1, 64)
	}
	return grouped(math.Round(ratio))
}

// manyAPIs is from how many APIs on the table has a line for each of them, and not for each
// figure.
const manyAPIs = 6

// table writes the figures.
func (r *Report) table(b *strings.Builder) {
	var rows [][]string
	if len(r.Figures) < manyAPIs {
		rows = r.byFigure()
	} else {
		rows = r.byAPI()
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range rows {
		fmt.Fprintf(b, "  %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(b, "   %*s", widths[i+1], cell)
		}
		b.WriteByte('\n')
	}
}

// byFigure is a table with a column for each API.
func (r *Report) byFigure() [][]string {
	rows := [][]string{{""}}
	for _, f := range r.Figures {
		rows[0] = append(rows[0], f.Name)
	}
	for _, name := range r.Scenario.Columns {
		c, ok := columns[name]
		if !ok {
			continue
		}
		row := []string{c.label}
		for _, f := range r.Figures {
			row = append(row, number(c.value(f), c))
		}
		rows = append(rows, row)
	}
	return rows
}

// byAPI is a table with a column for each figure.
func (r *Report) byAPI() [][]string {
	rows := [][]string{{""}}
	for _, name := range r.Scenario.Columns {
		if c, ok := columns[name]; ok {
			rows[0] = append(rows[0], c.short)
		}
	}
	for _, f := range r.Figures {
		row := []string{f.Name}
		for _, name := range r.Scenario.Columns {
			if c, ok := columns[name]; ok {
				row = append(row, number(c.value(f), c))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// number prints a value with the digits that mean something.
func number(v float64, c column) string {
	switch {
	case c.whole || v >= 100:
		return grouped(math.Round(v))
	case v != 0 && v < 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// grouped prints a whole number with commas between thousands.
func grouped(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// notes say how the figures came about, and what to think of them.
func (r *Report) notes() (lines []string) {
	if r.Busy != "" {
		lines = append(lines, r.Busy)
	}
	for _, f := range r.Figures {
		if f.Failed+f.Wrong > 0 && r.Scenario.Deploy == 0 {
			lines = append(lines, fmt.Sprintf("%s failed %d and refused %d of %d requests; the first: %s", subject(f.Name), f.Failed, f.Wrong, f.Requests, f.FirstBad))
		}
	}
	n := r.Figures[0].Requests
	lines = append(lines, fmt.Sprintf("Latencies and counts: %d requests a second, %s requests each.", r.Scenario.Steady, grouped(float64(n))))
	if r.Scenario.Deploy > 0 {
		lines = append(lines, fmt.Sprintf("Meanwhile %d instances were restarted one after the other, %d times over.", r.Scenario.Deploy, r.Rounds))
	} else {
		lines = append(lines, fmt.Sprintf("Sustained: %.0f %% of the requests answered within %v of being due; the median", Served*100, Target),
			fmt.Sprintf("of %d rounds. \"Within the noise\": rounds of the one reach into those of the other.", r.Rounds))
	}
	lines = append(lines, "Clients, API and database share "+r.Machine+"; "+r.Versions+".",
		fmt.Sprintf("%s, %s, in %v.", r.Command, r.Date.Format(time.DateOnly), r.Took.Round(time.Second)))
	return lines
}
