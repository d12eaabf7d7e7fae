package site

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The files of the fixture that the cases break.
const (
	lesson1 = "site/content/steps/01-adding.md"
	setup   = "site/content/guides/setup.md"
	tracks  = "site/content/tracks.yaml"
	chart1  = "site/data/01-adding.json"
	wrong1  = "solutions/01-adding/wrong-answers/minus.patch"
)

func TestWholeFixtureHasNoFindings(t *testing.T) {
	assert.Empty(t, newFixture(t).open().Check().Error())
}

// TestFindings breaks the fixture in one place each, and wants to read where and what.
func TestFindings(t *testing.T) {
	replaced := func(file, old, new string) func(fixture) {
		return func(f fixture) { f.replace(file, old, new) }
	}
	cases := map[string]struct {
		breaks func(fixture)
		want   []string
	}{
		"missing region": {replaced(lesson1, "region=Add", "region=Sum"),
			[]string{lesson1 + ":55: pulls region Sum from solutions/01-adding/number/number.go, which has no such region"}},
		"missing file": {replaced(lesson1, "number/number.go region", "numbers.go region"),
			[]string{lesson1 + ":55: pulls code from solutions/01-adding/numbers.go, which isn't there"}},
		"region without a file": {replaced(lesson1, "file=solutions/01-adding/number/number.go ", ""),
			[]string{lesson1 + ":55: names a region without a file="}},
		"unknown language": {replaced(lesson1, "```text", "```cobol"),
			[]string{lesson1 + `:58: the language "cobol" of a block of code is unknown`}},
		"dead link to a page": {replaced(lesson1, "(02-doubling.md)", "(02-double.md)"),
			[]string{lesson1 + ":24: links to 02-double.md, which isn't there"}},
		"dead link to a file": {replaced(lesson1, "steps/01-adding/main.go", "steps/01-adding/mein.go"),
			[]string{lesson1 + ":36: links to ../../../steps/01-adding/mein.go, which isn't there"}},
		"dead anchor": {replaced(lesson1, "#tools-you-need", "#tools"),
			[]string{lesson1 + ":24: links to guides/setup.html#tools, but the page has no such place"}},
		"dead anchor on the same page": {replaced("site/content/guides/instructor.md", "#track-half-day", "#track-half"),
			[]string{"site/content/guides/instructor.md:9: links to guides/instructor.html#track-half, but the page has no such place"}},
		"link out of the course": {replaced(setup, "../home.md", "../../../../home.md"),
			[]string{setup + ":11: links to ../../../../home.md, outside of the course"}},
		"dead link of a template": {replaced("site/templates/step.html", ">mistakes</a>", `>mistakes</a><a href="../nowhere.html">x</a>`),
			[]string{lesson1 + ": steps/01-adding.html links to ../nowhere.html, which isn't there"}},
		"missing asset": {func(f fixture) { f.remove("site/assets/site.js") },
			[]string{setup + ": guides/setup.html links to ../assets/site.js, which isn't there"}},
		"no front matter": {func(f fixture) { f.write(setup, "# Set up\n") },
			[]string{setup + ":1: the page must begin with front matter"}},
		"no summary": {replaced(setup, "summary: What you need.\n", ""),
			[]string{setup + ":1: front matter: there is no summary"}},
		"unknown key": {replaced(setup, "order: 1", "ordr: 1"),
			[]string{setup + `:4: front matter: unknown field "ordr"`}},
		"another title": {replaced(setup, "\n# Set up", "\n# Setting up"),
			[]string{setup + `:7: the heading "Setting up" isn't the title`}},
		"picture without a text": {replaced(lesson1, "![Two boxes become one]", "![]"),
			[]string{lesson1 + ":28: the picture ../diagrams/01-adding.svg has no alternative text"}},
		"picture that isn't there": {replaced(lesson1, "diagrams/01-adding.svg", "diagrams/01.svg"),
			[]string{lesson1 + ":28: shows ../diagrams/01.svg, which isn't there"}},
		"picture in a text": {replaced(lesson1, "![Two", "Look: ![Two"),
			[]string{lesson1 + ":28: a picture stands inside of a text"}},
		"script in a picture": {replaced("site/content/diagrams/01-adding.svg", "<defs>", "<script>x</script><defs>"),
			[]string{lesson1 + ":28: shows ../diagrams/01-adding.svg: <script can't stand in a page"}},
		"unknown test": {replaced(lesson1, "TestNegative", "TestNegativ"),
			[]string{lesson1 + ":14: task 2 names TestNegativ, which no test file has"}},
		"task without words": {replaced(lesson1, "**Task 2.**", "Second,"),
			[]string{lesson1 + `:16: no paragraph of "Your tasks" begins with **Task 2.**`}},
		"words without a task": {replaced(lesson1, "**Task 2.**", "**Task 3.**"),
			[]string{lesson1 + ":47: the front matter has no task 3"}},
		"lesson without the note for its file": {replaced(lesson1, "> Code, charts", "> Charts"),
			[]string{"below the title must stand:\n> Code, charts and drawings are missing in this file. To read it whole in the terminal: `go tool workshop read 01`."}},
		"text that no page shows": {replaced(lesson1, "# Adding up\n", "# Adding up\n\nWelcome.\n"),
			[]string{lesson1 + ":19: text stands above the first heading of level 2"}},
		"chart without a machine": {replaced(chart1, "2 cores", ""),
			[]string{lesson1 + ":64: draws site/data/01-adding.json: there is no machine"}},
		"chart that isn't there": {replaced(lesson1, "data/01-adding.json", "data/01.json"),
			[]string{lesson1 + ":64: draws site/data/01.json: it isn't there"}},
		"values that don't fit": {replaced(chart1, "[600, 1200]", "[600]"),
			[]string{`the row "alone" has 1 values for 2 columns`}},
		"track and lesson": {replaced(lesson1, "[half-day]", "[]"),
			[]string{tracks + ":1: half-day has step 01: true, its lesson says: false"}},
		"unknown track": {replaced(lesson1, "[half-day]", "[half-day, one-day]"),
			[]string{lesson1 + ":6: site/content/tracks.yaml has no track one-day"}},
		"no time": {replaced(tracks, `"09:00"`, `"nine"`),
			[]string{tracks + `:1: half-day has a day that starts at "nine"`}},
		"unknown step of a track": {replaced(tracks, "step: 2", "step: 7"),
			[]string{tracks + ":1: half-day has step 7, which isn't there"}},
		"slot without minutes": {replaced(tracks, ", minutes: 20", ""),
			[]string{tracks + `:1: half-day has a slot "Coffee" without minutes`}},
		"mistyped track": {replaced(tracks, "starts:", "start:"),
			[]string{tracks + `:5: unknown field "start"`}},
		"step in no part": {replaced("site/content/home.md", "[1, 2, 3]", "[1, 3]"),
			[]string{"site/content/home.md:4: step 2 is in no part"}},
		"step in two parts": {replaced("site/content/home.md", "[1, 2, 3]", "[1, 2, 3, 2]"),
			[]string{`site/content/home.md:5: the part "Numbers" has step 2, which another part has too`}},
		"planned step that is written": {replaced("site/content/planned.yaml", "number: 3", "number: 2"),
			[]string{"site/content/planned.yaml:1: step 2 is written already"}},
		"patch that doesn't fit": {replaced(wrong1, "-	return a + b", "-	return a * b"),
			[]string{wrong1 + ": apply the patch to number/number.go"}},
		"answer to no task": {replaced(wrong1, "Task: 1", "Task: 7"),
			[]string{wrong1 + ": belongs to task 7, which isn't there"}},
		"unclosed tag": {replaced("site/templates/guide.html", "{{.Body}}", "<div>{{.Body}}"),
			[]string{setup + ": guides/setup.html: </body> comes while <div> is still open"}},
		"too much script": {func(f fixture) { f.write("site/assets/site.js", noise(40<<10)) },
			[]string{lesson1 + ": steps/01-adding.html has ", "KB of script gzipped; at most 10.0 KB"}},
		"too much style": {func(f fixture) { f.write("site/assets/site.css", noise(40<<10)) },
			[]string{"KB of style gzipped; at most 10.0 KB"}},
		"too much text": {func(f fixture) {
			f.replace(setup, "Go. Then", noise(150<<10)+" Then")
		}, []string{setup + ": guides/setup.html has ", "KB of HTML gzipped; at most 60.0 KB"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.breaks(f)
			found := f.open().Check().Error()
			for _, want := range c.want {
				assert.Contains(t, found, want)
			}
		})
	}
}

// TestAllFindingsAtOnce wants every finding of one check, in the order of the files.
func TestAllFindingsAtOnce(t *testing.T) {
	f := newFixture(t)
	f.replace(lesson1, "region=Add", "region=Sum")
	f.replace(lesson1, "![Two boxes become one]", "![]")
	f.replace(setup, "../home.md", "../house.md")
	var places []string
	for _, one := range f.open().Check() {
		places = append(places, strings.SplitN(one.String(), ": ", 2)[0])
	}
	assert.Equal(t, []string{setup + ":11", lesson1 + ":28", lesson1 + ":55"}, places)
}

// TestFindingIsMarkedOnThePage lets an author see the place, and the rest of the page.
func TestFindingIsMarkedOnThePage(t *testing.T) {
	f := newFixture(t)
	f.replace(lesson1, "region=Add", "region=<b>")
	page := f.render("steps/01-adding.html")
	assert.Contains(t, page, `<p class="finding">`+lesson1+`:55: pulls region &lt;b&gt; from`)
	assert.Contains(t, page, "sums &gt; 0")
}

// noise is a text that can't be compressed to less than a half.
func noise(n int) string {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = 'a' + byte(state>>24)%26
	}
	return string(b)
}
