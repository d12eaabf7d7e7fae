package site

import (
	"errors"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/mutation/score"
	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

// view is what a page of the fixture shows.
func (f fixture) view(path string) Page {
	f.t.Helper()
	s := f.open()
	require.NotNil(f.t, s.pages[path], path)
	return s.built(s.pages[path]).view
}

func TestPagesOfTheSite(t *testing.T) {
	assert.Equal(t, []string{
		"index.html",
		"steps/01-adding.html", "mistakes/01-adding.html", "changes/01-adding.html",
		"steps/02-doubling.html", "mistakes/02-doubling.html", "changes/02-doubling.html",
		"guides/setup.html", "guides/instructor.html", "guides/speaker-notes.html",
	}, newFixture(t).open().Paths())
}

func TestLesson(t *testing.T) {
	v := newFixture(t).view("steps/01-adding.html")
	step := v.Step
	assert.Equal(t, "../", v.Root)
	assert.Equal(t, "01", step.Number)
	assert.Equal(t, "sums, from both ends", step.Measures)
	assert.Equal(t, []template.HTML{"A sum is the same from <code>both</code> ends."}, step.Learned)

	var sections, contents []string
	for _, s := range step.Sections {
		sections = append(sections, s.ID)
	}
	for _, h := range v.Contents {
		contents = append(contents, strings.Repeat(" ", h.Level-2)+h.ID)
	}
	assert.Equal(t, []string{"the-story", "the-idea", "your-tasks", "what-changed", "measured", "check-yourself", "speaker-notes"}, sections)
	assert.Equal(t, []string{"the-story", "the-idea", " a-detail", "your-tasks", " task-1", " task-2",
		"what-changed", "measured", "check-yourself", "speaker-notes"}, contents)

	tasks := step.Sections[2]
	assert.True(t, tasks.Tasks)
	assert.Equal(t, "<p>Work in <code>main.go</code>.</p>\n", string(tasks.Body))
	assert.Equal(t, "<p>Add.</p>\n<ul>\n<li>Both ends count.</li>\n</ul>\n", string(step.Tasks[0].Body))
	assert.Contains(t, step.Tasks[1].Body, "Mind the sign.")
	assert.NotContains(t, step.Tasks[1].Body, "What is left")
	assert.Contains(t, tasks.After, "What is left is somebody else")
	assert.Len(t, step.Tasks[0].Hints, 3)

	changed := step.Sections[3]
	assert.True(t, changed.Folded && changed.Solution, "it shows the solution")
	notes := step.Sections[6]
	assert.True(t, notes.Folded)
	assert.Equal(t, "<ul>\n<li>Speak slowly.</li>\n</ul>\n", string(notes.Body), "the page folds it itself")

	assert.Equal(t, "../guides/setup.html", v.Prev.Href)
	assert.Equal(t, "../steps/02-doubling.html", v.Next.Href)
	assert.True(t, v.Steps[0].Here)
}

func TestLinksOfALesson(t *testing.T) {
	page := newFixture(t).render("steps/01-adding.html")
	for what, want := range map[string]string{
		"a guide, with an anchor":       `<a href="../guides/setup.html#tools-you-need">setup</a>`,
		"another lesson":                `<a href="../steps/02-doubling.html">the next step</a>`,
		"the learner's file":            `Look at <code class="file">main.go</code>, and`,
		"the solution's file":           `<a href="../changes/01-adding.html#file-main-go">the sum (<code class="file">solutions/01-adding/main.go</code>)</a>`,
		"the folder of right answers":   `<a href="../mistakes/01-adding.html#right-answers">others</a>`,
		"a region, without its markers": "<span class=\"c\">// Add is the sum.</span>\n<span class=\"k\">func</span> <span class=\"f\">Add</span>",
		"a column to the right":         `<td class="right">2</td>`,
	} {
		assert.Contains(t, page, want, what)
	}
	assert.NotContains(t, page, "region")
	assert.NotContains(t, page, "style=")
}

// TestLessonShowsTheStarter whatever the learner has made of it meanwhile.
func TestLessonShowsTheStarter(t *testing.T) {
	f := newFixture(t)
	f.replace(lesson1, "file=solutions/01-adding", "file=steps/01-adding")
	before := f.render("steps/01-adding.html")
	assert.Contains(t, before, "TODO(task 2)")
	f.write("steps/01-adding/number/number.go", "package number // all anew")
	f.remove("steps/01-adding/main.go")
	assert.Equal(t, before, f.render("steps/01-adding.html"))
	assert.Empty(t, f.open().Check().Error())
}

func TestHome(t *testing.T) {
	v := newFixture(t).view("index.html")
	assert.Equal(t, "", v.Root)
	assert.Contains(t, v.Home.Start, "workshop")
	assert.NotContains(t, v.Body, "workshop")
	assert.Contains(t, v.Body, `<h2 id="why">Why</h2>`)
	assert.Contains(t, v.Body, `href="steps/01-adding.html#the-idea"`)
	require.Len(t, v.Home.Parts, 1)
	assert.Equal(t, []StopView{
		{"01", "01-adding", "Adding up", "sums, from both ends", 50, "steps/01-adding.html"},
		{"02", "02-doubling", "Doubling", "twice is plus itself", 25, "steps/02-doubling.html"},
		{"03", "03-halving", "Halving", "two halves are one", 0, ""},
	}, v.Home.Parts[0].Steps)
	assert.Equal(t, "guides/setup.html", v.Next.Href)
}

func TestTimetable(t *testing.T) {
	v := newFixture(t).view("guides/instructor.html")
	require.Len(t, v.Tracks, 1)
	assert.Equal(t, 15+50+25, v.Tracks[0].Minutes, "breaks are no work")
	assert.Equal(t, []SlotView{
		{"09:00", "09:15", 15, "Welcome", "", false},
		{"09:15", "10:05", 50, "01 Adding up", "../steps/01-adding.html", false},
		{"10:05", "10:25", 20, "Coffee", "", true},
		{"10:25", "10:50", 25, "02 Doubling", "../steps/02-doubling.html", false},
	}, v.Tracks[0].Days[0].Slots)
}

func TestSpeakerNotes(t *testing.T) {
	v := newFixture(t).view("guides/speaker-notes.html")
	require.Len(t, v.Notes, 1, "step 02 has none")
	assert.Equal(t, "../steps/01-adding.html", v.Notes[0].Step.Href)
	assert.Contains(t, v.Notes[0].Body, "Speak slowly.")
}

func TestMistakes(t *testing.T) {
	step := newFixture(t).view("mistakes/01-adding.html").Step
	require.Len(t, step.Wrong, 2)
	require.Len(t, step.Wrong[0].Answers, 1)
	a := step.Wrong[0].Answers[0]
	assert.Equal(t, "minus", a.ID)
	assert.Equal(t, "It takes away", a.Title)
	assert.Equal(t, "<p>A <code>-</code> looks like a dash.</p>\n", string(a.Why))
	assert.Equal(t, "TestAdd", a.CaughtBy)
	assert.Equal(t, "measured 4, and expected 3", a.Says)
	assert.Equal(t, 1, a.Diff.Added)
	assert.Equal(t, 8, lineWith(t, a.Diff, "del").Old, "where the line is, not where an older patch says")
	assert.Empty(t, step.Wrong[1].Answers)
	require.Len(t, step.Right, 1)
	assert.Equal(t, "swapped", step.Right[0].ID)
}

func TestMistakesTellOfMutants(t *testing.T) {
	f := newFixture(t)
	f.write("solutions/01-adding/mutants.json", `{"mutants": 40, "killed": 38, "explained": 1}`)
	told := f.view("mistakes/01-adding.html").Step.Mutants
	require.Equal(t, &score.Score{Mutants: 40, Killed: 38, Explained: 1}, told)
	assert.Equal(t, "97.5", told.Percent())
	assert.Nil(t, f.view("mistakes/02-doubling.html").Step.Mutants)
}

func lineWith(t *testing.T, d *draw.Diff, kind string) draw.DiffLine {
	t.Helper()
	for _, l := range d.Files[0].Hunks[0].Lines {
		if l.Kind == kind {
			return l
		}
	}
	require.Fail(t, "no line "+kind)
	return draw.DiffLine{}
}

func TestChanges(t *testing.T) {
	d := newFixture(t).view("changes/01-adding.html").Step.Diff
	var names []string
	for _, f := range d.Files {
		names = append(names, f.Name)
	}
	assert.Equal(t, []string{"main.go", "number/number.go"}, names, "tests are the same on both sides")
	assert.Equal(t, "starter", d.From)
}

func TestRenderForTheCompanion(t *testing.T) {
	f := newFixture(t)
	s := f.open()
	live, err := s.Render("steps/01-adding.html", Options{Live: true, Token: `se"cret`})
	require.NoError(t, err)
	assert.Contains(t, string(live), `data-token="se&#34;cret"`)
	static, err := s.Render("steps/01-adding.html", Options{})
	require.NoError(t, err)
	assert.NotContains(t, string(static), "token", "the same page for others")

	step := s.course.Steps[0]
	diff, err := s.RenderDiff(step, draw.NewDiff("yours", "solution", map[string][]byte{"a.go": []byte("<b>\n")}, nil), Options{Live: true})
	require.NoError(t, err)
	assert.Contains(t, string(diff), `href="../../steps/01-adding.html"`)
	assert.Contains(t, string(diff), "&lt;b&gt;")

	for _, path := range []string{"steps/99.html", "../go.work", "", "steps"} {
		_, err = s.Render(path, Options{})
		assert.ErrorIs(t, err, fs.ErrNotExist, path)
	}
}

func TestAssets(t *testing.T) {
	s := newFixture(t).open()
	style, err := s.Asset("code.css")
	require.NoError(t, err)
	assert.Contains(t, string(style), "--code-paper:light-dark(")
	_, err = s.Asset("site.css")
	assert.NoError(t, err)
	for _, name := range []string{"none.css", "../templates/step.html", "/etc/passwd", "", ".."} {
		_, err = s.Asset(name)
		assert.Error(t, err, name)
	}
	_, err = s.Asset("../templates/step.html")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestSearchIndex(t *testing.T) {
	src, err := newFixture(t).open().SearchIndex()
	require.NoError(t, err)
	index := string(src)
	assert.True(t, strings.HasPrefix(index, "window.searchIndex=["), index)
	for _, want := range []string{
		`{"t":"01 Adding up","h":"The story","u":"steps/01-adding.html#the-story","x":"Somebody can’t add. See setup, and the next step."}`,
		`"h":"It takes away","u":"mistakes/01-adding.html#minus"`,
		`{"t":"Set up","h":"Tools you need","u":"guides/setup.html#tools-you-need"`,
		`"u":"index.html#start"`,
	} {
		assert.Contains(t, index, want)
	}
	assert.NotContains(t, index, "sums \\u003e 0", "blocks of code are not text")
}

// TestPagesSideBySide is for the race detector: the companion answers several tabs.
func TestPagesSideBySide(t *testing.T) {
	s := newFixture(t).open()
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for _, path := range s.Paths() {
				_, err := s.Render(path, Options{Live: true})
				assert.NoError(t, err)
			}
			_, err := s.SearchIndex()
			assert.NoError(t, err)
		})
	}
	running.Wait()
}

func TestBuildWritesAFolderOfItsOwn(t *testing.T) {
	s := newFixture(t).open()
	dir := filepath.Join(t.TempDir(), "out")
	require.NoError(t, s.Build(dir))
	for _, name := range []string{"index.html", "steps/01-adding.html", "assets/code.css", "assets/site.js", "search-index.js"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "CNAME"), nil, 0o644))
	list, err := os.OpenFile(filepath.Join(dir, marker), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = list.WriteString("steps/old.html\n../elsewhere\n")
	require.NoError(t, errors.Join(err, list.Close(), os.WriteFile(filepath.Join(dir, "steps", "old.html"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "..", "elsewhere"), nil, 0o644)))
	require.NoError(t, s.Build(dir), "again")
	assert.NoFileExists(t, filepath.Join(dir, "steps", "old.html"), "a page that is no more")
	assert.FileExists(t, filepath.Join(dir, "CNAME"), "what no build wrote")
	assert.FileExists(t, filepath.Join(dir, "..", "elsewhere"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, marker), []byte("index.html\n"), 0o644))
	assert.ErrorContains(t, s.Build(dir), "no build of the site wrote it")

	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "letter"), []byte("dear"), 0o644))
	assert.ErrorContains(t, s.Build(other), "no site was built there")
	assert.FileExists(t, filepath.Join(other, "letter"))
}

func TestBuildOfABrokenSiteWritesNothing(t *testing.T) {
	f := newFixture(t)
	f.replace(lesson1, "region=Add", "region=Sum")
	dir := filepath.Join(t.TempDir(), "out")
	var found content.Findings
	require.ErrorAs(t, f.open().Build(dir), &found)
	assert.Len(t, found, 1)
	assert.NoDirExists(t, dir)
}

// TestUnfinishedSite leaves pages out whose files aren't there.
func TestUnfinishedSite(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"home.md", "planned.yaml", "tracks.yaml", "guides/setup.md", "guides/instructor.md", "guides/speaker-notes.md"} {
		f.remove("site/content/" + name)
	}
	f.replace(lesson1, "See [setup](../guides/setup.md#tools-you-need), and", "See")
	s := f.open()
	assert.Len(t, s.Paths(), 6)
	assert.Empty(t, s.Check().Error())
}
