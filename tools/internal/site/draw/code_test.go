package draw

import (
	"html"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCode(t *testing.T) {
	cases := map[string]struct{ language, src, want string }{
		"function": {"go", "func add(a int) error {", `[k func] [f add](a [t int]) [t error] {`},
		"method":   {"go", "func (s *Store) Open() {", `[k func] (s *Store) [f Open]() {`},
		"literal":  {"go", "f := func(a int) error {", `f := [k func](a [t int]) [t error] {`},
		"type":     {"go", "type Store struct {", `[k type] [f Store] [k struct] {`},
		"comment":  {"go", "x++ // one more", `x++ [c // one more]`},
		"constant": {"go", `if ok == true && n > 0x1F`, `[k if] ok == [n true] &amp;&amp; n &gt; [n 0x1F]`},
		"string":   {"go", "s := `a\n<b>`", "s := [s `a]\n[s &lt;b&gt;`]"},
		"fragment": {"go", "	return }\n\"", "	[k return] }\n[s &#34;]"},
		"sql":      {"sql", "SELECT id FROM events", `[k SELECT] id [k FROM] events`},
		"text":     {"text", "func <main>", `func &lt;main&gt;`},
		"empty":    {"go", "", ""},
	}
	span := regexp.MustCompile(`<span class="(\w)">(.*?)</span>`)
	for name, c := range cases {
		var list []string
		for _, l := range Code(c.language, c.src) {
			list = append(list, span.ReplaceAllString(string(l), "[$1 $2]"))
		}
		assert.Equal(t, c.want, strings.Join(list, "\n"), name)
	}
}

// TestCodeLosesNothing compares the text of highlighted files with the files.
func TestCodeLosesNothing(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files = append(files, "../testdata/course/site/data/01-adding.json", "../testdata/course/site/content/tracks.yaml")
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		var b strings.Builder
		for _, l := range Code(LanguageOf(file), string(src)) {
			b.WriteString(html.UnescapeString(tags.ReplaceAllString(string(l), "")) + "\n")
		}
		assert.Equal(t, string(src), b.String(), file)
	}
}

func TestEveryLanguageHasALexer(t *testing.T) {
	for language := range languages {
		assert.NotPanics(t, func() { Code(language, "x") }, language)
	}
}

// TestCodeIsLegible wants a contrast of 4.5:1 for each colour on each ground, in both
// themes (WCAG 2.2, success criterion 1.4.3).
func TestCodeIsLegible(t *testing.T) {
	for _, ground := range grounds {
		for _, ink := range inks {
			assert.GreaterOrEqual(t, contrast(t, ink.light, ground.light), 4.5, "%s on %s, light", ink.variable, ground.variable)
			assert.GreaterOrEqual(t, contrast(t, ink.dark, ground.dark), 4.5, "%s on %s, dark", ink.variable, ground.variable)
		}
	}
}

// contrast is the ratio that WCAG 2.2 defines, from 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	bright, dark := luminance(t, a), luminance(t, b)
	if bright < dark {
		bright, dark = dark, bright
	}
	return (bright + 0.05) / (dark + 0.05)
}

// luminance is the relative luminance of #rrggbb, as WCAG 2.2 defines it.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	require.Len(t, color, 7)
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestCodeStyleHasEachColour(t *testing.T) {
	style := string(CodeStyle())
	for _, ink := range inks[1:] {
		assert.Contains(t, style, "code ."+ink.class+"{color:var(--code-"+ink.variable+")}")
		assert.Contains(t, style, "--code-"+ink.variable+":light-dark("+ink.light+","+ink.dark+")")
	}
}
