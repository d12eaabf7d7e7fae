package reading

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	xast "github.com/yuin/goldmark/extension/ast"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/excerpt"
	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/terminal"
)

// fence is a block of code: as it stands in the page, pulled from a file, or a chart.
func (p *page) fence(n *ast.FencedCodeBlock, indent int) {
	info := ""
	if n.Info != nil {
		info = string(n.Info.Segment.Value(p.src))
	}
	f, err := excerpt.ParseFence(info)
	switch {
	case err == nil && f.Language == "chart":
		err = p.chart(f.File, indent)
	case err == nil && f.File != "":
		err = p.pulled(f, indent)
	case err == nil:
		p.add(p.verbatim(p.lines(n), indent)...)
	}
	if err != nil {
		p.missing = append(p.missing, fmt.Errorf("%s: %w", p.file, err))
	}
}

// pulled is code from a file, below the file's name.
func (p *page) pulled(f excerpt.Fence, indent int) error {
	src, err := p.read(f.File)
	if err != nil {
		return f.Missing()
	}
	if src, err = f.Of(src); err != nil {
		return err
	}
	name := strings.Repeat(" ", indent+2) + p.Style.Paint(terminal.Dim, f.File)
	p.add(append([]string{name, ""}, p.verbatim(src, indent)...)...)
	return nil
}

// read is a file of the repository. Of a step it is the starter's: the learner has changed the one in
// the folder, or will.
func (p *page) read(file string) (string, error) {
	parts := strings.SplitN(file, "/", 3)
	i := slices.IndexFunc(p.Course.Steps, func(s *course.Step) bool { return len(parts) == 3 && s.Name == parts[1] })
	if i >= 0 && parts[0] == "steps" && !course.IsTest(parts[2]) {
		files, err := p.Course.Steps[i].Starter()
		if err != nil {
			return "", err
		}
		src, ok := files[parts[2]]
		if !ok {
			return "", fs.ErrNotExist
		}
		return string(src), nil
	}
	src, err := os.ReadFile(filepath.Join(p.Course.Root, filepath.FromSlash(file)))
	return string(src), err
}

// chart is the numbers of a chart, below what it says.
func (p *page) chart(file string, indent int) error {
	src, err := os.ReadFile(filepath.Join(p.Course.Root, filepath.FromSlash(file)))
	if err != nil {
		return fmt.Errorf("draws %s, which isn't there", file)
	}
	var c measurement.Chart
	if err := json.Unmarshal(src, &c); err != nil {
		return fmt.Errorf("draws %s: %w", file, err)
	}
	p.add(p.fold(p.words(c.Conclusion, terminal.Bold, nil), indent+2)...)
	rows := [][][]word{{nil}}
	for _, column := range c.Columns {
		rows[0] = append(rows[0], p.words(column, "", nil))
	}
	for _, row := range c.Rows {
		cells := [][]word{p.words(row.Name, "", nil)}
		for _, value := range row.Values {
			cells = append(cells, p.words(number(value), "", nil))
		}
		rows = append(rows, cells)
	}
	right := make([]bool, len(c.Columns)+1)
	for i := range c.Columns {
		right[i+1] = true
	}
	p.add(p.aligned(rows, right, indent+2)...)
	what := c.Title
	if !strings.Contains(strings.ToLower(what), strings.ToLower(c.Unit)) {
		what += ", in " + c.Unit
	}
	note := fmt.Sprintf("%s. %s. %s. %s, with %s.", what, strings.TrimSuffix(c.Machine, "."), strings.TrimSuffix(c.Versions, "."), c.Date, c.Command)
	p.add(p.fold(p.words(note, terminal.Dim, nil), indent+2)...)
	return nil
}

// number is a value with commas between thousands.
func number(value float64) string {
	digits, rest, point := strings.Cut(strconv.FormatFloat(value, 'f', -1, 64), ".")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if point {
		digits += "." + rest
	}
	return digits
}

func (p *page) table(n *xast.Table, indent int) {
	var rows [][][]word
	var right []bool
	for _, alignment := range n.Alignments {
		right = append(right, alignment == xast.AlignRight)
	}
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells [][]word
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, p.inline(cell))
		}
		rows = append(rows, cells)
	}
	p.add(p.aligned(rows, right, indent)...)
}

const (
	// columnGap stands between two columns.
	columnGap = 3
	// leastColumn is how narrow a column is made at most.
	leastColumn = 12
)

// aligned are rows as columns, the first one above a line. Cells that are too wide are broken.
func (p *page) aligned(rows [][][]word, right []bool, indent int) []string {
	widths := p.columns(rows, p.Style.TextWidth()-indent)
	var lines []string
	for i, row := range rows {
		var cells [][]string
		height := 1
		for j, cell := range row {
			cells = append(cells, foldTo(cell, widths[j], ""))
			height = max(height, len(cells[j]))
		}
		for k := range height {
			var b strings.Builder
			b.WriteString(strings.Repeat(" ", indent))
			for j := range row {
				text := ""
				if k < len(cells[j]) {
					text = cells[j][k]
				}
				gap := strings.Repeat(" ", max(0, widths[j]-terminal.Columns(text)))
				if j > 0 {
					b.WriteString(strings.Repeat(" ", columnGap))
				}
				if right[j] {
					b.WriteString(gap + text)
				} else {
					b.WriteString(text + gap)
				}
			}
			lines = append(lines, strings.TrimRight(b.String(), " "))
		}
		if i == 0 {
			total := (len(widths) - 1) * columnGap
			for _, w := range widths {
				total += w
			}
			lines = append(lines, strings.Repeat(" ", indent)+p.Style.Paint(terminal.Dim, strings.Repeat("-", total)))
		}
	}
	return lines
}

// columns are as wide as the widest cell of each, or less, so that all of them fit.
func (p *page) columns(rows [][][]word, room int) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for j, cell := range row {
			width := -1
			for _, w := range cell {
				width += w.width + 1
			}
			widths[j] = max(widths[j], width)
		}
	}
	room -= (len(widths) - 1) * columnGap
	for {
		total, widest := 0, 0
		for j, w := range widths {
			total += w
			if w > widths[widest] {
				widest = j
			}
		}
		if total <= room || widths[widest] <= leastColumn {
			return widths
		}
		widths[widest]--
	}
}
