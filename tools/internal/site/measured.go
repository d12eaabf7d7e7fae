package site

import (
	"fmt"
	"html"
	"html/template"

	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/site/draw"
)

// measuredHere is the chart of what `workshop measure` last measured of a step on this
// machine; "" when there is nothing to show: not measured yet, or by another version of the
// workshop.
func (s *Site) measuredHere(step string) template.HTML {
	report, err := measurement.Newest(s.course.Root, step)
	if err != nil {
		return ""
	}
	drawn, err := report.Chart()
	if err != nil {
		return ""
	}
	c := &draw.Chart{Chart: *drawn}
	if c.Check() != nil {
		return ""
	}
	const figures = `<details><summary>All figures</summary><pre tabindex="0" role="group" aria-label="Output"><code>%s</code></pre></details>`
	return c.Figure() + template.HTML(fmt.Sprintf(figures, html.EscapeString(report.String())))
}
