package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// box is a place on the page, in CSS pixels.
type box struct{ X, Y, Width, Height float64 }

// said is a run of text as it is painted.
type said struct {
	Text   string
	Colour []float64 // red, green, blue from 0 to 255, alpha
	Boxes  []box     // of its lines
	Least  float64   // the contrast that it needs
}

// part is a part of a page where text stands on shapes, and the texts in it. Of those axe
// says that it can't tell the ground's colour.
type part struct {
	box
	Texts []said
}

// textsOf lists parts and their texts. WCAG 2.2 asks for 4.5 to 1, and for 3 to 1 where
// letters are large: 24 px, or 18.66 px and bold.
const textsOf = `[...%s].map(part => {
	const boxOf = r => ({ x: r.left + scrollX, y: r.top + scrollY, width: r.width, height: r.height })
	const texts = []
	const walk = document.createTreeWalker(part, NodeFilter.SHOW_TEXT)
	while (walk.nextNode()) {
		const node = walk.currentNode, element = node.parentElement
		if (!node.data.trim() || !element.checkVisibility() || element.closest('.unseen, title, desc, style')) continue
		const style = getComputedStyle(element), svg = element instanceof SVGElement
		const colour = (svg ? style.fill : style.color).match(/[\d.]+/g).map(Number)
		let alpha = colour[3] ?? 1
		for (let e = element; e; e = e.parentElement) alpha *= getComputedStyle(e).opacity
		const range = document.createRange()
		range.selectNodeContents(node)
		const size = parseFloat(style.fontSize) * (svg ? element.getScreenCTM().a : 1)
		texts.push({
			text: node.data.trim(), colour: [...colour.slice(0, 3), alpha], boxes: [...range.getClientRects()].map(boxOf),
			least: size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5,
		})
	}
	return { ...boxOf(part.getBoundingClientRect()), texts }
})`

func TestTextOnDrawingsHasContrast(t *testing.T) {
	t.Parallel()
	p := open(t)
	var figures []string
	for _, path := range builtSite(t).paths {
		if dir, _, _ := strings.Cut(path, "/"); dir != "steps" && dir != "guides" {
			continue
		}
		for _, figure := range ask[[]string](p.load(path), `[...document.querySelectorAll("figure.diagram, figure.chart")].map(figure => figure.outerHTML)`) {
			if !slices.Contains(figures, figure) {
				figures = append(figures, figure)
			}
		}
	}
	p.load("index.html").standsOut("home", `document.querySelectorAll(".hero, .map")`)
	p.load(builtSite(t).step(t, "01")) // all figures on one page: a picture takes its time
	ask[any](p, `document.querySelector("main .text").innerHTML = `+quoted(strings.Join(figures, "\n")))
	p.standsOut("figures", `document.querySelectorAll("main .text")`)
}

// standsOut checks the texts of parts of a page, in both themes.
func (p *tab) standsOut(what, parts string) {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		p.prefers(scheme)
		found := ask[[]part](p, fmt.Sprintf(textsOf, parts))
		require.NotEmpty(p.t, found)
		for _, part := range found {
			require.NotEmpty(p.t, part.Texts, what)
			assert.Empty(p.t, p.faint(part), "%s, %s", what, scheme)
		}
	}
}

// faint are the texts of a part that don't stand out, wherever they are painted.
func (p *tab) faint(part part) []string {
	with := p.picture(part.box)
	ask[any](p, `(window.hiding = Object.assign(document.createElement("style"), {
		textContent: "* { -webkit-text-fill-color: transparent !important; text-shadow: none !important } text, tspan { fill: transparent !important }",
	}), document.head.append(hiding))`)
	without := p.picture(part.box)
	ask[any](p, `hiding.remove()`)
	var list []string
	for _, s := range part.Texts {
		if least, seen := contrast(part, s, with, without); !seen {
			list = append(list, fmt.Sprintf("%q is painted nowhere", s.Text))
		} else if least < s.Least {
			list = append(list, fmt.Sprintf("%q has %.2f to 1, and needs %.1f", s.Text, least, s.Least))
		}
	}
	return list
}

// picture is how a place of the page looks, one pixel a CSS pixel.
func (p *tab) picture(b box) image.Image {
	p.t.Helper()
	shot := tell(p, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Clip: &page.Viewport{X: b.X, Y: b.Y, Width: b.Width, Height: b.Height, Scale: 1}, CaptureBeyondViewport: new(true),
	})
	picture, err := png.Decode(bytes.NewReader(shot.Data))
	require.NoError(p.t, err)
	return picture
}

// contrast is the least between a text's colour and the ground, over all pixels that the
// text paints: those in which the two pictures differ.
func contrast(part part, s said, with, without image.Image) (least float64, seen bool) {
	least = math.Inf(1)
	for _, b := range s.Boxes {
		for y := int(b.Y - part.Y); y < int(math.Ceil(b.Y-part.Y+b.Height)); y++ {
			for x := int(b.X - part.X); x < int(math.Ceil(b.X-part.X+b.Width)); x++ {
				if !(image.Point{X: x, Y: y}.In(with.Bounds())) {
					continue
				}
				ground := rgb(without.At(x, y))
				if text := rgb(with.At(x, y)); distance(text, ground) < 30 {
					continue
				}
				seen = true
				least = min(least, ratio(over(s.Colour, ground), ground))
			}
		}
	}
	return least, seen
}

func rgb(c color.Color) [3]float64 {
	r, g, b, _ := c.RGBA()
	return [3]float64{float64(r >> 8), float64(g >> 8), float64(b >> 8)}
}

func distance(a, b [3]float64) float64 {
	return max(math.Abs(a[0]-b[0]), math.Abs(a[1]-b[1]), math.Abs(a[2]-b[2]))
}

// over is a colour with its alpha on a ground.
func over(colour []float64, ground [3]float64) (mixed [3]float64) {
	for i := range mixed {
		mixed[i] = colour[i]*colour[3] + ground[i]*(1-colour[3])
	}
	return mixed
}

// ratio is the contrast of two colours (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
func ratio(a, b [3]float64) float64 {
	light, dark := max(light(a), light(b)), min(light(a), light(b))
	return (light + 0.05) / (dark + 0.05)
}

// light is the relative luminance (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
func light(c [3]float64) float64 {
	linear := func(v float64) float64 {
		if v /= 255; v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}
