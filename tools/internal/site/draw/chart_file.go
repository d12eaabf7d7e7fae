package draw

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// The sizes of a chart as a file, in pixels.
const (
	fileWidth  = 760
	fileTop    = 58  // above the first bar
	fileRow    = 30  // from one bar to the next
	fileNames  = 215 // the column of the rows' names
	fileWidest = 430 // the longest bar
	fileFoot   = 46  // below the last bar
)

// fileStyle follows the reader's choice of light or dark.
const fileStyle = `text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#1b1f3a}` +
	`.title{font-size:17px;font-weight:600}.name,.value{font-size:14px}.note{font-size:12px;fill:#565a78}rect{fill:#f5b942}` +
	`@media(prefers-color-scheme:dark){text{fill:#e6e7f2}.note{fill:#a9adc9}}`

// SVG is the chart of one column as a file of its own.
func (c *Chart) SVG() []byte {
	var b bytes.Buffer
	height := fileTop + len(c.Rows)*fileRow + fileFoot
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="title desc">`+"\n", fileWidth, height)
	var numbers []string
	for _, r := range c.Rows {
		numbers = append(numbers, r.Name+": "+figureText(r.Values[0]))
	}
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n<style>%s</style>\n",
		html.EscapeString(c.Conclusion), html.EscapeString(strings.Join(numbers, "; ")), fileStyle)
	fmt.Fprintf(&b, "<text class=\"title\" x=\"0\" y=\"18\">%s</text>\n<text class=\"note\" x=\"0\" y=\"38\">%s</text>\n",
		html.EscapeString(c.Conclusion), html.EscapeString(c.scale()))
	for i, r := range c.Rows {
		y := fileTop + i*fileRow
		width := fileWidest * c.length(r.Values[0])
		fmt.Fprintf(&b, "<text class=\"name\" x=\"0\" y=\"%d\">%s</text><rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"18\" rx=\"2\"/><text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>\n",
			y+14, html.EscapeString(r.Name), fileNames, y, width, fileNames+width+8, y+14, figureText(r.Values[0]))
	}
	foot := height - fileFoot
	fmt.Fprintf(&b, "<text class=\"note\" x=\"0\" y=\"%d\">%s</text>\n<text class=\"note\" x=\"0\" y=\"%d\">%s</text>\n</svg>\n",
		foot+18, html.EscapeString(c.Machine+"; "+c.Versions), foot+36, html.EscapeString(c.Command+", "+c.Date))
	return b.Bytes()
}
