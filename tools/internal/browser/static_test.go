package browser

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tooWide are the elements that reach beyond the window, and are neither scrolled nor cut
// off by one around them.
const tooWide = `(() => {
	const width = document.documentElement.clientWidth
	if (document.scrollingElement.scrollWidth <= width) return []
	const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > width + .5 && e.checkVisibility())
	const contained = e => {
		for (let box = e.parentElement; box; box = box.parentElement) {
			if (box !== document.body && getComputedStyle(box).overflowX !== 'visible') return true
		}
	}
	return ['the page is ' + document.scrollingElement.scrollWidth + ' px wide', ...wide.filter(e => !contained(e)).slice(0, 5)
		.map(e => e.tagName.toLowerCase() + '.' + e.className + ' ends at ' + e.getBoundingClientRect().right + ': ' + e.textContent.trim().replace(/\s+/g, " ").slice(0, 40))]
})()`

// unfold opens all that is folded in the text.
const unfold = `document.querySelectorAll('main details').forEach(fold => { fold.open = true })`

func TestEveryPageLoadsAndFitsAPhone(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.phone()
	for _, path := range builtSite(t).paths {
		p.load(path)
		assert.NotEmpty(t, p.text("h1"), path)
		assert.Equal(t, "automatic", p.text("#theme-word"), "%s: the script ran", path)
		assert.Empty(t, p.takeComplaints(), path)
		require.Equal(t, 360, ask[int](p, `screen.width`))
		assert.Empty(t, ask[[]string](p, tooWide), path)
		ask[any](p, unfold)
		assert.Empty(t, ask[[]string](p, tooWide), "%s, unfolded", path)
	}
}

func TestLinksLeadFromPageToPage(t *testing.T) {
	t.Parallel()
	b := builtSite(t)
	first, second := b.step(t, "01"), b.step(t, "02")
	p := open(t).load("index.html")
	p.click(`a.stop[href$="` + first + `"]`)
	p.arrives(first)
	p.click(`.contents a[href="#your-tasks"]`)
	p.until("the tasks", `location.hash === "#your-tasks" && document.getElementById("your-tasks").getBoundingClientRect().top < innerHeight / 2`)
	p.click(`#what-changed > summary`)
	p.click(`.onward a[href*="mistakes/"]`)
	p.arrives("/mistakes/" + path.Base(first))
	p.click(`.head a`)
	p.arrives(first)
	p.click(`#what-changed > summary`)
	p.click(`.onward a[href*="changes/"]`)
	p.arrives("/changes/" + path.Base(first))
	p.click(`.files a`)
	p.until("a file of the change", `document.querySelector(".file h2:target")`)
	p.click(`.rail a[href$="` + path.Base(second) + `"]`)
	p.arrives(second)
	p.click(`.turn .prev`)
	p.arrives(first)
	p.click(`.turn .next`)
	p.arrives(second)
	p.click(`.rail a[href$="guides/instructor.html"]`)
	p.arrives("/guides/instructor.html")
	p.click(`.timetable a[href*="steps/"]`)
	p.until("a step", `document.body.dataset.kind === "step"`)
	p.click(`.rail a[href$="guides/speaker-notes.html"]`)
	p.arrives("/guides/speaker-notes.html")
	p.click(`#notes-01 ~ * a, #notes-01 a`)
	p.arrives(first)
	p.click(`.brand`)
	p.arrives("/index.html")
}

// section is the text from where the address points to, up to the next heading.
const section = `(() => {
	const place = document.getElementById(location.hash.slice(1))
	if (!/^H\d$/.test(place.tagName)) return place.textContent
	const range = document.createRange()
	range.setStartBefore(place)
	const next = [...document.querySelectorAll("main h2")].find(h => place.compareDocumentPosition(h) & Node.DOCUMENT_POSITION_FOLLOWING)
	if (next) range.setEndBefore(next)
	else range.setEndAfter(document.querySelector("main").lastChild)
	return range.toString()
})()`

func TestSearchFindsASectionAndOpensIt(t *testing.T) {
	t.Parallel()
	p := open(t).load("index.html")
	assert.Nil(t, ask[any](p, `window.searchIndex ?? null`), "what nobody looks for isn't loaded")
	p.searches("stampede")
	p.press(kb.Enter)
	p.lands("guides/glossary.html#the-cache", "stampede")

	p.load("guides/setup.html").searches("pool bound")
	p.click(`.search-results a[href*="06-pooling.html#"]`)
	p.lands("06-pooling.html#", "pool")
}

// searches types words into the search; each result holds the first.
func (p *tab) searches(words string) {
	p.t.Helper()
	p.press("/")
	p.until("the search", `document.activeElement.matches("dialog input")`)
	p.press(words)
	p.until("results", `document.querySelector("dialog[open] .search-results mark")`)
	p.until("a number of places", `/^\d+ places?/.test(document.querySelector(".search-count").textContent)`)
	word, _, _ := strings.Cut(words, " ")
	for _, said := range ask[[]string](p, `[...document.querySelectorAll(".search-results a")].map(a => a.textContent)`) {
		assert.Contains(p.t, strings.ToLower(said), word)
	}
}

// lands waits until a section is in sight whose address holds a part, and that tells of a
// word.
func (p *tab) lands(part, word string) {
	p.t.Helper()
	p.until(part, `document.readyState === "complete" && location.href.includes(`+quoted(part)+`)`)
	p.until("the section", `(top => top >= 0 && top < innerHeight / 2)(document.getElementById(location.hash.slice(1)).getBoundingClientRect().top)`)
	assert.Contains(p.t, strings.ToLower(ask[string](p, section)), word)
}

func TestSearchWithTheKeyboard(t *testing.T) {
	t.Parallel()
	p := open(t).load(builtSite(t).step(t, "06"))
	p.click("#search-open")
	p.press("pool")
	p.until("results", `document.querySelectorAll(".search-results a").length > 1`)
	p.press(kb.ArrowDown)
	p.until("the focus on the first result", `document.activeElement === document.querySelector(".search-results a")`)
	p.press(kb.ArrowDown)
	p.until("the focus on the second result", `document.activeElement === document.querySelectorAll(".search-results a")[1]`)
	p.press(kb.ArrowUp)
	p.press(kb.ArrowUp)
	p.until("the focus in the field", `document.activeElement.matches("dialog input")`)
	p.press("nothingisnamedso")
	p.until("no results", `document.querySelector(".search-count").textContent === "No places"`)
	p.press(kb.Escape)
	p.until("the page again", `!document.querySelector("dialog[open]") && document.activeElement.id === "search-open"`)

	for _, key := range []string{kb.ArrowRight, kb.ArrowLeft} {
		p.press(key)
	}
	p.arrives(builtSite(t).step(t, "06"))
	p.load("index.html").press(kb.Tab)
	p.until("the skip link first", `document.activeElement.matches(".skip") && document.activeElement.getBoundingClientRect().top >= 0`)
	p.press(kb.Enter)
	p.until("the text", `document.activeElement.id === "main"`)
}

// paper is the colour behind the text.
const paper = `getComputedStyle(document.body).backgroundColor`

func TestThemeButtonCyclesAndIsKept(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.prefers("light")
	tell(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		new MutationObserver((_, observer) => {
			if (!document.body) return
			window.themeAtFirst = document.documentElement.dataset.theme
			observer.disconnect()
		}).observe(document, { childList: true, subtree: true })`})
	p.load("index.html")
	light := ask[string](p, paper)
	button := func(word string) {
		t.Helper()
		p.click("#theme")
		p.until(word, `document.getElementById("theme-word").textContent === `+quoted(word))
	}
	button("light")
	assert.Equal(t, light, ask[string](p, paper))
	p.prefers("dark")
	assert.Equal(t, light, ask[string](p, paper), "what was chosen wins over the system's setting")
	button("dark")
	dark := ask[string](p, paper)
	assert.NotEqual(t, light, dark)

	p.prefers("light")
	for _, path := range builtSite(t).kinds() {
		p.load(path)
		assert.Equal(t, "dark", p.text("#theme-word"), path)
		assert.Equal(t, dark, ask[string](p, paper), path)
		assert.Equal(t, "dark", ask[string](p, `themeAtFirst`), "%s: nothing flashes before the body is there", path)
	}
	other := p.another().load("index.html")
	assert.Equal(t, dark, ask[string](other, paper))
	button("automatic")
	assert.Equal(t, light, ask[string](p, paper))
	other.until("the other tab's theme", `document.getElementById("theme-word").textContent === "automatic"`)
}

func TestAutomaticThemeFollowsTheSystem(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, path := range builtSite(t).kinds() {
		p.load(path)
		for scheme, name := range map[string]string{"light": "more than", "dark": "less than"} {
			p.prefers(scheme)
			ground := ask[float64](p, luminance(paper))
			ink := ask[float64](p, luminance(`getComputedStyle(document.querySelector("h2") ?? document.body).color`))
			code := ask[float64](p, luminance(`getComputedStyle(document.querySelector("main pre, main .diff") ?? document.body).color`))
			assert.Equal(t, scheme == "light", ground > 0.5, "%s: the paper has %s half of white's light", path, name)
			assert.Equal(t, path == "index.html" || scheme == "dark", ink > 0.5, path)
			assert.Equal(t, path == "index.html" || scheme == "dark", code > 0.5, path)
		}
	}
}

// luminance is how much of white's light a colour gives, roughly.
func luminance(colour string) string {
	return `(([r, g, b]) => (.2 * r + .7 * g + .1 * b) / 255)(` + colour + `.match(/\d+/g).map(Number))`
}

func TestPrintOpensWhatIsFolded(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, path := range builtSite(t).kinds() {
		p.load(path)
		folded := ask[int](p, `document.querySelectorAll("main details:not([open])").length`)
		ask[any](p, `addEventListener("beforeprint", () => { window.foldedInPrint = document.querySelectorAll("main details:not([open])").length }), null`)
		sheet := tell(p, page.PrintToPDF, page.PrintToPDFParams{})
		assert.Contains(t, string(sheet.Data[:8]), "%PDF")
		assert.Zero(t, ask[int](p, `foldedInPrint`), path)
		assert.Equal(t, folded, ask[int](p, `document.querySelectorAll("main details:not([open])").length`), "%s: folded again", path)
	}
	p.load(builtSite(t).step(t, "06"))
	p.media("print")
	for what, selector := range map[string]string{"buttons": ".copy", "menus": ".rail", "bar": ".top"} {
		assert.False(t, ask[bool](p, fmt.Sprintf(`document.querySelector(%s).checkVisibility()`, quoted(selector))), "%s aren't printed", what)
	}
}

func TestCopyButtonGivesTheCode(t *testing.T) {
	t.Parallel()
	p := open(t).load(builtSite(t).step(t, "06"))
	_, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{
		BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
		Permission:       &browser.PermissionDescriptor{Name: "clipboard-read"},
		Setting:          browser.PermissionSettingGranted,
	})
	require.NoError(t, err)
	p.click(".code.shell .copy")
	p.until("that it is copied", `document.querySelector(".code.shell .copy").textContent === "Copied"`)
	code := ask[string](p, `document.querySelector(".code.shell code").textContent.trimEnd()`)
	assert.NotEmpty(t, code)
	assert.Equal(t, code, ask[string](p, `navigator.clipboard.readText()`))
	assert.Zero(t, ask[int](p, `document.querySelectorAll(".code.output .copy").length`), "what a program printed is nothing to copy")
}

func TestHintsOpenOneAfterAnother(t *testing.T) {
	t.Parallel()
	p := open(t).load(builtSite(t).step(t, "06"))
	seen := func() []bool {
		return ask[[]bool](p, `[...document.querySelectorAll("#task-1 .hint")].map(hint => hint.querySelector(".hint-text").checkVisibility({ contentVisibilityAuto: true }))`)
	}
	summary := func(n int) string { return fmt.Sprintf(`#task-1 .hint[data-hint="%d"] > summary`, n) }
	shut := seen()
	require.GreaterOrEqual(t, len(shut), 2, "the task has hints")
	for n := range shut {
		for later := range shut {
			assert.Equal(t, later < n, seen()[later], "hint %d of those that follow %d", later+1, n)
		}
		if n+2 <= len(shut) {
			assert.False(t, ask[bool](p, fmt.Sprintf(`document.querySelector(%s).checkVisibility()`, quoted(summary(n+2)))), "the hint after the next can't be reached")
		}
		p.click(summary(n + 1))
	}
	assert.NotContains(t, seen(), false)
}

func TestPagesWorkWithoutScript(t *testing.T) {
	t.Parallel()
	p := open(t)
	tell(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	for _, path := range builtSite(t).kinds() {
		p.load(path)
		assert.False(t, ask[bool](p, `"script" in document.documentElement.dataset`), "no script of the page ran")
		assert.NotEmpty(t, p.text("h1"), path)
		assert.Empty(t, ask[[]string](p, `[...document.querySelectorAll("button")].filter(b => b.checkVisibility()).map(b => b.textContent)`),
			"%s: no button that does nothing", path)
		ask[any](p, unfold)
		assert.Empty(t, ask[[]string](p, `[...document.querySelectorAll("main :is(p, li, td, pre)")].filter(e => !e.closest(".contents-fold") && !e.checkVisibility()).map(e => e.textContent.slice(0, 80))`),
			"%s: all can be read", path)
	}
	p.load(builtSite(t).step(t, "06"))
	p.click(`#task-1 .hint > summary`)
	p.until("the first hint", `document.querySelector("#task-1 .hint-text").checkVisibility()`)
	p.click(`.turn .next`)
	p.arrives(builtSite(t).step(t, "07"))
}
