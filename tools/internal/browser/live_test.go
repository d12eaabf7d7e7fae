package browser

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

func TestTaskTurnsGreenWhenAFileIsSaved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	p.says("Step 01: testing…")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	p.shows(2, "red", "not there yet")
	p.says("0 of 2 tasks done. First failure: TestAdd")
	ask[any](p, `window.sameAsBefore = true`)

	r.save("package main\n\n// Better.\n")
	again := receive(t, r.runs)
	p.shows(1, "running", "testing…")
	again.onTest(runner.Test{Name: "TestAdd", Status: runner.Passed})
	p.shows(1, "green", "done")
	p.shows(2, "running", "testing…")
	again.finish <- r.green()
	p.shows(2, "green", "done")
	p.says("done, every test passes")
	assert.Zero(t, ask[int](p, `document.querySelectorAll(".failure").length`), "no failure is left")
	assert.Contains(t, ask[string](p, `document.title`), "✓")
	assert.Equal(t, "done", p.text(`.menu li[data-step="01-adding"] .state`)[len("you are here, "):])
	assert.True(t, ask[bool](p, `window.sameAsBefore`), "the page wasn't loaded again")

	p.click(`.verdict a[href$="02-doubling.html"]`)
	p.arrives("/steps/02-doubling.html")
	assert.Equal(t, 2, receive(t, r.runs).step.Number, "who goes on is watched there")
	p.says("Step 02: testing…")
	assert.NotContains(t, p.text(".live-bar"), "not watched")
	p.click(".brand")
	p.arrives("/index.html")
	p.until("the map", `document.querySelector('.map li[data-step="01-adding"] .state').dataset.state === "green"`)
}

func TestPageChangesWithinHalfASecondOfTheVerdict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	ask[any](p, `window.changes = []
		new MutationObserver(() => changes.push([document.querySelector("#task-1 .state").dataset.state, performance.timeOrigin + performance.now()]))
			.observe(document.querySelector("#task-1 .state"), { attributes: true })`)
	var took []time.Duration
	for range 5 {
		for state, result := range map[string]*runner.Result{"green": r.green(), "red": r.red()} {
			ask[any](p, `window.changes = [], null`)
			r.save("package main\n\n// " + time.Now().String() + "\n")
			this := receive(t, r.runs)
			p.shows(1, "running", "testing…")
			verdict := time.Now()
			this.finish <- result
			seen := `changes.find(([state]) => state === ` + quoted(state) + `)`
			p.until(state, seen)
			changed := time.UnixMicro(int64(ask[float64](p, seen+`[1]`) * 1000))
			took = append(took, changed.Sub(verdict))
		}
	}
	slices.Sort(took)
	t.Logf("from the verdict to the page: %s", took)
	assert.Less(t, took[len(took)/2], 500*time.Millisecond)
}

func TestFailureUnfoldsAndItsHTMLShowsAsText(t *testing.T) {
	t.Parallel()
	const html = `<img src="x" onerror="window.ran = true"><script>window.ran = true</script> <b>bold</b> & &amp;`
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	result := r.red()
	for i := range result.Tests {
		if result.Tests[i].Name == "TestAdd" {
			result.Tests[i].Output = "main_test.go:12:\nmeasured  3 " + html + "\nexpected  4\nwhy       It adds up.\n\n" + html
		}
	}
	r.ends(result)
	p.until("the first failure, unfolded", `document.querySelector("#task-1 .failure[open] > summary")?.textContent === "TestAdd"`)
	p.until("the second, folded", `document.querySelector("#task-2 .failure:not([open]) > summary")?.textContent === "TestNegative"`)
	assert.Equal(t, []string{"at main_test.go:12", "measured 3 " + html, "expected 4", "why It adds up."},
		ask[[]string](p, `[...document.querySelectorAll("#task-1 .failure > p")].map(row => row.firstChild.textContent + " " + row.lastChild.textContent)`))
	assert.Equal(t, html, p.text("#task-1 .failure pre"))
	p.click("#task-2 .failure > summary")
	p.until("what TestNegative says", `document.querySelector("#task-2 .failure pre").checkVisibility()`)

	r.save("package main\n\nfunc main() { x }\n")
	r.ends(r.broken())
	p.until("the compiler's words", `document.querySelector(".verdict pre")?.textContent === "steps/01-adding/main.go:3:15: undefined: <b>x</b>"`)
	assert.Zero(t, ask[int](p, `document.querySelectorAll("main :is(.failure, .verdict) :is(b, img, script)").length`))
	assert.False(t, ask[bool](p, `"ran" in window`))
}

func TestTestsAreMarkedInTheirTasksList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	marks := `[...document.querySelectorAll(".tests li")].map(line => line.dataset.state).join()`
	p.until("that nothing is known", marks+` === "running,running"`)
	result := r.red()
	for i := range result.Tests {
		if result.Tests[i].Task > 0 {
			result.Tests[i].Output = "main_test.go:12:\nmeasured  3\ntry       go tool workshop run 01     (in another terminal)\n          curl -i localhost:8080"
		}
	}
	r.ends(result)
	p.until("the marks", marks+` === "red,red"`)
	assert.Equal(t, "TestAdd", p.text("#task-1 .tests li .failure[open] > summary"))
	assert.Equal(t, "TestNegative fails the same way as TestAdd.", p.text("#task-2 .tests li"), "what is the same isn't repeated")
	assert.Zero(t, ask[int](p, `document.querySelectorAll(".failures .failure").length`), "no name stands there twice")
	assert.Equal(t, []string{"go tool workshop run 01", "curl -i localhost:8080"},
		ask[[]string](p, `[...document.querySelectorAll("#task-1 .try code")].map(code => code.textContent)`))
	assert.Contains(t, p.text("#task-1 .try"), "(in another terminal)")
	p.click("#task-1 .try .copy")
	p.until("that the command is copied", `document.querySelector("#task-1 .try .copy").textContent === "Copied"`)
	assert.Equal(t, "steps/01-adding/main.go:10", p.text(".verdict .place code"))
	assert.Contains(t, p.text(".verdict"), "This page runs the tests whenever you save a file of steps/01-adding.")

	r.save("package main\n\n// Better.\n")
	again := receive(t, r.runs)
	again.onTest(runner.Test{Name: "TestAdd", Status: runner.Passed})
	p.until("the marks while it runs", marks+` === "green,running"`)
	assert.Equal(t, "TestAdd", p.text("#task-1 .tests li"))
	again.finish <- r.green()
	p.until("the marks in the end", marks+` === "green,green"`)
}

func TestBrokenBuildIsShownAsWhatItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	r.save("package main\n\nfunc main() { x }\n")
	r.ends(r.broken())
	p.says("Step 01: it doesn't compile")
	p.until("the compiler's words, unfolded", `document.querySelector(".verdict details[open] > summary")?.textContent === "It doesn't compile"`)
	assert.Contains(t, p.text(".verdict"), "as of the last run that compiled")
	assert.Zero(t, ask[int](p, `document.querySelectorAll(".failures .failure").length`), "no test failed")
	r.save("package main\n")
	r.ends(r.green())
	p.shows(1, "green", "done")
	assert.NotContains(t, p.text("main"), "compile")

	r.save("package main\n\n// No go.\n")
	r.ends(nil)
	p.says("the tests can't be run")
	assert.Contains(t, p.text(".verdict"), "there is no go here")
}

func TestOpenedHintIsRemembered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	other := p.another().load(r.url("steps/01-adding.html"))
	other.shows(1, "red", "not there yet")
	p.click(`#task-1 .hint[data-hint="1"] > summary`)
	p.until("the first hint", `document.querySelector("#task-1 .hint-text").checkVisibility()`)
	other.until("the first hint in the other tab", `document.querySelector("#task-1 .hint-text").checkVisibility()`)
	p.click(`#task-1 .hint[data-hint="2"] > summary`)
	other.until("the second hint", `document.querySelector("#task-1 .hint[data-hint='2'] .hint-text").checkVisibility()`)
	opened := func() int {
		state, err := progress.Load(r.course.Root)
		require.NoError(t, err)
		return state.Hints[progress.TaskID{Step: 1, Task: 1}]
	}
	require.Eventually(t, func() bool { return opened() == 2 }, long, 5*time.Millisecond)
	p.load(r.url("steps/01-adding.html"))
	p.until("the opened hints after a reload", `document.querySelector("#task-1 .hint[data-hint='2'] .hint-text").checkVisibility()`)
	assert.Equal(t, "Hint 2 of 3", p.text("#task-1 .hint[data-hint='2'] > summary"))
	assert.False(t, ask[bool](p, `document.querySelector("#task-1 .hint[data-hint='3']").open`))
	p.click(`#task-1 .hint[data-hint="1"] > summary`)
	p.click(`#task-1 .hint[data-hint="1"] > summary`)
	p.click(`#task-2 .hint[data-hint="1"] > summary`)
	other.until("the hint of task 2", `document.querySelector("#task-2 .hint-text").checkVisibility()`)
	assert.Equal(t, 2, opened(), "a hint that is opened again doesn't count again")
}

func TestMyCodeAgainstTheSolution(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	p.click(`.live-bar a[href$="/diff.html"]`)
	p.arrives("/steps/01-adding/diff.html")
	removed := func(text string) string {
		return `[...document.querySelectorAll(".diff .del code")].some(line => line.textContent.includes(` + quoted(text) + `))`
	}
	p.until("my line", removed("return number.Add(a, b) + 1"))
	p.until("the solution's", `[...document.querySelectorAll(".diff .add code")].some(line => line.textContent.trim() === "return number.Add(a, b)")`)
	assert.Contains(t, p.text("main"), "This shows the solution. Try your tasks first.")
	p.says("0 of 2 tasks done")
	r.save("package main\n\n// <b>Mine.</b>\nfunc main() {}\n")
	r.ends(r.red())
	p.until("what was saved", removed("// <b>Mine.</b>"))
	p.click(`.live-bar a[href*="steps/01-adding.html"]`)
	p.until("the step again", `document.body.dataset.kind === "step"`)
}

func TestTwoTabsAgree(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one := r.open("steps/01-adding.html")
	two := one.another().load(r.url("steps/02-doubling.html"))
	three := one.another().load(r.url("index.html"))
	r.ends(r.red())
	for _, p := range []*tab{one, two, three} {
		p.says("Step 01: 0 of 2 tasks done")
	}
	assert.Contains(t, two.text(".live-bar"), "Saves of step 02 are not watched.")
	assert.NotContains(t, one.text(".live-bar"), "not watched")
	assert.NotContains(t, three.text(".live-bar"), "not watched")
	two.clickButton("Work on this step")
	this := receive(t, r.runs)
	assert.Equal(t, 2, this.step.Number)
	for _, p := range []*tab{one, two, three} {
		p.says("Step 02: testing…")
		p.until("the step in the menu", `document.querySelector('.menu li[data-step="02-doubling"] .state').textContent.includes("you are here")`)
	}
	this.finish <- nil
	three.says("Step 02: the tests can't be run")
	one.clickButton("Work on this step")
	r.ends(r.green())
	for _, p := range []*tab{one, two, three} {
		p.says("Step 01: done, every test passes")
	}
	one.shows(2, "green", "done")
}

func TestPageReconnectsToACompanionThatWasStartedAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	ask[any](p, `window.sameAsBefore = true`)
	r.stop()
	p.says("Disconnected")
	r.start()
	p.says("Step 01: testing…")
	r.ends(r.red())
	p.says("0 of 2 tasks done")
	p.clickButton("Run now")
	r.ends(r.green())
	p.shows(1, "green", "done")
	p.click(`#task-1 .hint > summary`)
	require.Eventually(t, func() bool {
		state, err := progress.Load(r.course.Root)
		return err == nil && state.Hints[progress.TaskID{Step: 1, Task: 1}] == 1
	}, long, 5*time.Millisecond, "actions have the new token")
	assert.True(t, ask[bool](p, `window.sameAsBefore`), "the page wasn't loaded again")
	p.forgives()
}

func TestTheSolutionUnfoldsOnceTheStepIsDone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	assert.False(t, ask[bool](p, `document.querySelector("#what-changed").open`))
	r.save("package main\n\n// Better.\n")
	r.ends(r.green())
	p.until("the solution", `document.querySelector("#what-changed").open`)
	assert.Contains(t, p.text("#what-changed .onward"), "The whole change")
	p.click("#what-changed > summary")
	r.save("package main\n\n// Better still.\n")
	r.ends(r.green())
	p.shows(1, "green", "done")
	assert.False(t, ask[bool](p, `document.querySelector("#what-changed").open`), "whoever folds it again has it folded")
}

func TestTheBarKeepsToOneRowOnAPhone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	p.phone()
	height := func() int { return ask[int](p, `Math.round(document.querySelector(".live-bar").offsetHeight)`) }
	p.says("testing…")
	assert.LessOrEqual(t, height(), 60)
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	assert.LessOrEqual(t, height(), 60)
	p.clickButton("More")
	p.clickButton("Run now")
	receive(t, r.runs).finish <- r.green()
	p.shows(1, "green", "done")
}

func TestResetAsksFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := filepath.Join(r.course.Step(1).Dir, "main.go")
	starter, err := os.ReadFile(mine)
	require.NoError(t, err)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	r.save("package main\n\n// Mine.\n")
	r.ends(r.red())
	p.clickButton("Start over")
	p.clickButton("Reset the step")
	p.until("the question", `document.querySelector("dialog[open]")?.textContent.includes("It replaces a file of yours: main.go.")`)
	p.clickButton("Cancel")
	kept, err := os.ReadFile(mine)
	require.NoError(t, err)
	assert.Contains(t, string(kept), "// Mine.", "nothing happens unasked")
	p.clickButton("Start over")
	p.clickButton("Reset the step")
	p.clickButton("Go on")
	p.until("the way back", `document.querySelector("dialog[open] pre")?.textContent.startsWith("cp -R ")`)
	now, err := os.ReadFile(mine)
	require.NoError(t, err)
	assert.Equal(t, string(starter), string(now))
	receive(t, r.runs)
}

func TestLivePagesAreAccessibleAndFitAPhone(t *testing.T) {
	t.Parallel()
	needsAxe(t)
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	fits := func(what string) {
		t.Helper()
		p.phone()
		assert.Empty(t, ask[[]string](p, tooWide), what)
		p.accessible(what + " on a phone")
		p.desk()
	}
	p.says("testing…")
	p.accessible("a step while its tests run")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	p.accessible("a red step")
	fits("a red step")
	p.clickButton("Start over")
	p.clickButton("Reset the step")
	p.until("the question", `document.querySelector("dialog[open]")`)
	p.accessible("a question")
	p.clickButton("Close")
	p.load(r.url("steps/01-adding/diff.html")).says("0 of 2 tasks done")
	p.accessible("my code against the solution")
	p.load(r.url("index.html")).says("0 of 2 tasks done")
	p.accessible("home")
	fits("home")
	p.load(r.url("steps/01-adding.html")).says("0 of 2 tasks done")
	r.save("package main\n\nfunc main() { x }\n")
	r.ends(r.broken())
	p.says("it doesn't compile")
	p.accessible("a step that doesn't compile")
	r.save("package main\n")
	r.ends(r.green())
	p.shows(1, "green", "done")
	p.accessible("a green step")
	fits("a green step")
}

func TestStepChosenInATerminalLeavesThePageUnwatchedAndSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.shows(1, "red", "not there yet")
	terminal, err := progress.Load(r.course.Root)
	require.NoError(t, err)
	terminal.Current = 2
	require.NoError(t, terminal.Save())
	assert.Equal(t, 2, receive(t, r.runs).step.Number)
	p.says("Step 02: testing…")
	assert.Contains(t, p.text(".live-bar"), "Saves of step 01 are not watched.")
	p.click(`.live-bar a[href*="02-doubling"]`)
	p.arrives("/steps/02-doubling.html#your-tasks")
	p.says("Step 02: testing…")
	assert.NotContains(t, p.text(".live-bar"), "not watched")
}

func TestUnknownPageLeadsHome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.open("steps/01-adding.html")
	r.ends(r.red())
	p.load(r.url("steps/99/none.html"))
	p.says("0 of 2 tasks done")
	assert.Equal(t, "There is no such page", p.text("h1"))
	p.click("main a")
	p.arrives("/index.html")
	complaints := p.takeComplaints()
	require.Len(t, complaints, 1)
	assert.Contains(t, complaints[0], "status of 404")
}
