package markup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestScan(t *testing.T) {
	s := Scan(`<!doctype html><html><head><link rel="stylesheet" href="a.css"><link rel="icon" href="i.svg">
<script src="a.js" defer></script><script>if (a < b) {"<p>"}</script></head>
<body><p id="x">a<br>b <a href="?a=1&amp;b=2" title="1 > 0">c</a></p><svg><path d="M0"/></svg></body></html>`)
	assert.Empty(t, s.Faults)
	assert.Equal(t, []string{"a.css"}, s.Styles)
	assert.Equal(t, []string{"a.js"}, s.Scripts)
	assert.Equal(t, []string{"a.css", "i.svg", "a.js", "?a=1&b=2"}, s.Links)
	assert.Equal(t, `if (a < b) {"<p>"}`, s.Inline[InlineScript])
	assert.Equal(t, map[string]bool{"x": true}, s.IDs)
}

func TestFaults(t *testing.T) {
	for page, want := range map[string]string{
		"<div><p>a</div>":                   "</div> comes while <p> is still open",
		"<div>":                             "<div> is never closed",
		"a</p>":                             "</p> closes what isn't open",
		"<p><div></div></p>":                "<div> stands inside of <p>",
		"<a href=\"x\"><b><a>y</a></b></a>": "a link stands inside of a link",
		`<b id="x"></b><i id="x"></i>`:      `the id "x" is there twice`,
		`<b style="color:red"></b>`:         "<b> has a style attribute",
		`<b class="x" class="y"></b>`:       "<b> has two attributes class",
		"<style>":                           "<style> is never closed",
	} {
		assert.Contains(t, strings.Join(Scan(page).Faults, "\n"), want, page)
	}
}
