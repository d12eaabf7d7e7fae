package carry

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// later are the folders behind the first solution, in the order in which a change travels.
var later = []string{"steps/02-two", "solutions/02-two", "steps/03-three", "solutions/03-three"}

func TestChangeTravelsToTheLastStep(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.change("solutions/01-one/plain/plain.go", "return 1", "return 1 + 0")
	a.change("solutions/01-one/main.go", "println(shop.Price())", "println(shop.Total(shop.Price(), 2))")
	r := a.carriesAll()
	for i, folder := range later {
		number, kind := i/2+1, strings.Split(folder, "/")[0]
		assert.Equal(t, strings.Replace(shop(number, kind), "return 5", "return 6", 1), a.read(folder+"/shop/shop.go"))
		assert.Contains(t, a.read(folder+"/plain/plain.go"), "return 1 + 0")
		assert.Contains(t, a.read(folder+"/main.go"), "import \"example.com/boxoffice/"+folder+"/shop\"")
		assert.Contains(t, a.read(folder+"/main.go"), "Total(")
	}
	assert.Equal(t, "package main", strings.Split(a.read("steps/01-one/main.go"), "\n")[0])
	assert.NotContains(t, a.read("steps/01-one/main.go"), "Total(", "an earlier folder stays")
	assert.Len(t, pathsOf(r, Copied), 8, "plain.go and main.go everywhere")
	assert.Len(t, pathsOf(r, Carried), 4, "shop.go, which differs from folder to folder")
	assert.Equal(t, []int{1, 2, 3}, r.Steps)
	assert.Equal(t, []string{"verify", "--step", "01,02,03"}, r.Proof[:3])
}

func TestAnswerIsWrittenAgainBelowItsHead(t *testing.T) {
	a := newAuthor(t)
	const file = "solutions/02-two/wrong-answers/no-rebate.patch"
	head, _ := cutHead(a.read(file))
	a.change("solutions/01-one/shop/shop.go", "const a1 = 1\n", "const a1 = 1\n\nconst a11 = 11\n")
	r := a.carriesAll()
	is, diff := cutHead(a.read(file))
	assert.Equal(t, head, is)
	assert.Equal(t, "--- a/shop/shop.go\n+++ b/shop/shop.go\n@@ -16,7 +16,7 @@ const b2 = 2\n \n // Total is what all cost.\n func Total(price, n int) int {\n"+
		"-\tif n >= 10 {\n+\tif n >= 1000 {\n \t\tprice--\n \t}\n \treturn price * n\n", diff)
	assert.Contains(t, pathsOf(r, Rewritten), file)
	assert.Equal(t, []string{"--answer", "no-rebate"}, r.Proof[len(r.Proof)-2:])
	a.applies("solutions/02-two", file)
}

// applies checks that git takes a patch.
func (a *author) applies(folder, file string) {
	a.t.Helper()
	a.git("apply", "--check", "--directory="+folder, file)
}

func TestConflictShowsBothSidesAndGoesOn(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", mul, "return n * price")
	r := a.carry()
	assert.Equal(t, []string{"solutions/02-two/shop/shop.go", "steps/02-two/shop/shop.go"}, conflicts(r))
	marked := a.read("solutions/02-two/shop/shop.go")
	for _, label := range []string{"<<<<<<< solutions/02-two (yours now)", "||||||| before (solutions/01-one)", ">>>>>>> carried from solutions/01-one"} {
		assert.Contains(t, marked, label)
	}
	assert.Equal(t, shop(2, "steps"), a.read("steps/03-three/shop/shop.go"), "the chain stops")
	before := a.state()
	assert.Equal(t, conflicts(r), conflicts(a.carry()))
	assert.Equal(t, before, a.state(), "asking again changes nothing")

	a.put("steps/02-two/shop/shop.go", shop(1, "steps")) // the gap stays as it is
	a.put("solutions/02-two/shop/shop.go", strings.Replace(shop(1, "solutions"), mul, "return n * price", 1))
	r = a.carriesAll()
	assert.Equal(t, []string{"solutions/02-two/shop/shop.go", "steps/02-two/shop/shop.go"}, pathsOf(r, Resolved))
	for _, folder := range later[2:] {
		assert.Contains(t, a.read(folder+"/shop/shop.go"), "return n * price")
	}
}

func TestFixAfterACarryIsCarriedToo(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.carriesAll()
	a.change("solutions/01-one/shop/shop.go", "return 6", "return 7")
	a.carriesAll()
	for _, folder := range later {
		assert.Contains(t, a.read(folder+"/shop/shop.go"), "return 7")
	}
}

func TestChangeTakenBackIsTakenBackEverywhere(t *testing.T) {
	a := newAuthor(t)
	before := a.state()
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.carriesAll()
	a.git("checkout", "--", "solutions/01-one")
	r := a.carry()
	assert.Empty(t, conflicts(r))
	assert.NotEmpty(t, pathsOf(r, Restored))
	assert.Equal(t, before, a.state())
}

func TestTargetWithChangesOfItsOwnIsLeftAlone(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.change("solutions/02-two/shop/shop.go", "const d2 = 2", "const d2 = 22")
	mine := a.read("solutions/02-two/shop/shop.go")
	r := a.carry()
	assert.Equal(t, []string{"solutions/02-two/shop/shop.go"}, conflicts(r))
	assert.Contains(t, why(r, "solutions/02-two/shop/shop.go"), "has changes of its own")
	assert.Equal(t, mine, a.read("solutions/02-two/shop/shop.go"))
	assert.Equal(t, shop(2, "steps"), a.read("steps/03-three/shop/shop.go"))

	r = a.carry("solutions/02-two/shop/shop.go")
	assert.Empty(t, conflicts(r))
	assert.Contains(t, a.read("steps/03-three/shop/shop.go"), "const d2 = 22")
	assert.Contains(t, a.read("steps/03-three/shop/shop.go"), "return 5", "it was kept without the change")
	a.carriesAll()
}

func TestChangeThatIsThereAlreadyIsNoConflict(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.change("solutions/02-two/shop/shop.go", "return 5", "return 6")
	a.change("solutions/02-two/shop/shop.go", "const d2 = 2", "const d2 = 22")
	a.carriesAll()
	assert.Contains(t, a.read("solutions/03-three/shop/shop.go"), "const d2 = 22")
	assert.Contains(t, a.read("solutions/03-three/shop/shop.go"), "return 6")
}

func TestNewDeletedAndRenamedFilesTravel(t *testing.T) {
	a := newAuthor(t)
	a.put("solutions/01-one/extra/extra.go", "package extra\n\nimport _ \"example.com/boxoffice/solutions/01-one/plain\"\n")
	a.remove("solutions/01-one/plain/plain.go")
	a.put("solutions/01-one/shop/store.go", strings.Replace(a.read("solutions/01-one/shop/shop.go"), "return 5", "return 6", 1))
	a.remove("solutions/01-one/shop/shop.go")
	r := a.carriesAll()
	for i, folder := range later {
		assert.Equal(t, "package extra\n\nimport _ \"example.com/boxoffice/"+folder+"/plain\"\n", a.read(folder+"/extra/extra.go"))
		assert.False(t, a.has(folder+"/plain"), "no empty folder is left in %s", folder)
		assert.False(t, a.has(folder+"/shop/shop.go"))
		assert.Equal(t, strings.Replace(shop(i/2+1, strings.Split(folder, "/")[0]), "return 5", "return 6", 1), a.read(folder+"/shop/store.go"))
	}
	assert.Contains(t, a.read("solutions/02-two/wrong-answers/no-rebate.patch"), "--- a/shop/store.go\n")
	assert.Len(t, pathsOf(r, Removed), 4)
}

func TestDeletedFileThatDiffersIsLeftToAPerson(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/02-two/plain/plain.go", "return 2", "return 1 + 1")
	a.change("steps/03-three/plain/plain.go", "return 2", "return 1 + 1")
	a.change("solutions/03-three/plain/plain.go", "return 2", "return 1 + 1")
	a.commit()
	a.remove("solutions/01-one/plain/plain.go")
	r := a.carry()
	assert.Equal(t, []string{"solutions/02-two/plain/plain.go"}, conflicts(r))
	assert.False(t, a.has("steps/02-two/plain/plain.go"))
	assert.Equal(t, conflicts(r), conflicts(a.carry()))
	assert.True(t, a.has("solutions/03-three/plain/plain.go"))
	a.remove("solutions/02-two/plain/plain.go")
	a.carriesAll()
	assert.False(t, a.has("solutions/03-three/plain/plain.go"))
}

func TestFileThatEndsIsTold(t *testing.T) {
	a := newAuthor(t)
	for _, folder := range later[1:] {
		a.remove(folder + "/plain/plain.go")
	}
	a.commit()
	a.change("solutions/01-one/plain/plain.go", "return 1", "return 3")
	r := a.carriesAll()
	assert.Equal(t, []string{"solutions/02-two/plain/plain.go"}, pathsOf(r, Ends))
}

func TestSharedTestsGoOnAndOthersStay(t *testing.T) {
	a := newAuthor(t)
	a.change("steps/01-one/shared_test.go", "TestShared(", "TestTogether(")
	a.put("solutions/01-one/new_test.go", "package main\n")
	r := a.carriesAll()
	for _, folder := range append([]string{"solutions/01-one"}, later...) {
		assert.Contains(t, a.read(folder+"/shared_test.go"), "TestTogether(")
	}
	assert.True(t, a.has("steps/01-one/new_test.go"))
	assert.False(t, a.has("steps/02-two/new_test.go"), "a step's own tests stay in it")
	assert.Contains(t, pathsOf(r, Copied), "solutions/03-three/shared_test.go")

	a.change("steps/02-two/two_test.go", "TestIt(", "TestThis(")
	a.change("solutions/02-two/two_test.go", "TestIt(", "TestThat(")
	assert.Equal(t, []string{"solutions/02-two/two_test.go"}, conflicts(a.carry()))
}

func TestChangeOfAnUnmarkedStarterMustBeginBeforeIt(t *testing.T) {
	a := newAuthor(t)
	a.change("steps/02-two/plain/plain.go", "return 1", "return 3")
	r := a.carry()
	require.Equal(t, []string{"steps/02-two/plain/plain.go"}, conflicts(r))
	reason := why(r, "steps/02-two/plain/plain.go")
	_, command, _ := strings.Cut(reason, "take the change there: ")
	command, _, _ = strings.Cut(command, ", then: ")
	sh := exec.Command("sh", "-c", command)
	sh.Dir = a.root
	out, err := sh.CombinedOutput()
	require.NoError(t, err, "%s\n%s", reason, out)
	a.carriesAll()
	for _, folder := range append([]string{"solutions/01-one"}, later...) {
		assert.Contains(t, a.read(folder+"/plain/plain.go"), "return 3")
	}
}

func TestChangeOfAGapTravelsFromTheStarter(t *testing.T) {
	a := newAuthor(t)
	a.change("steps/02-two/shop/shop.go", "add up", "add up, with the rebate")
	a.change("steps/02-two/shop/shop.go", "const c1 = 1", "const c1 = 11")
	r := a.carriesAll()
	assert.Equal(t, []string{"steps/02-two/shop/shop.go"}, pathsOf(r, Edited))
	assert.Equal(t, []string{"solutions/01-one/shop/shop.go"}, pathsOf(r, Note), "it has the line too")
	assert.Contains(t, a.read("solutions/03-three/shop/shop.go"), "const c1 = 11")
	assert.NotContains(t, a.read("solutions/02-two/shop/shop.go"), "with the rebate")
	assert.Contains(t, a.read("solutions/01-one/shop/shop.go"), "const c1 = 1\n")
}

func TestAnswerInConflictLiesWhereItCanBeMerged(t *testing.T) {
	a := newAuthor(t)
	const file = "solutions/02-two/wrong-answers/no-rebate.patch"
	const merge = ".workshop/carry/answers/02-two/wrong-answers/no-rebate/shop/shop.go"
	before := a.read(file)
	a.change("solutions/02-two/shop/shop.go", "n >= 10", "n > 9")
	r := a.carry()
	require.Equal(t, []string{file}, conflicts(r))
	assert.Equal(t, before, a.read(file), "the patch is left alone")
	assert.Contains(t, a.read(merge), "<<<<<<< no-rebate.patch")
	assert.Contains(t, why(r, file), "answers/02-two/wrong-answers/no-rebate/")
	assert.Equal(t, []string{file}, conflicts(a.carry()))

	a.put(merge, strings.Replace(shop(1, "solutions"), "n >= 10", "n > 999", 1))
	a.carriesAll()
	_, diff := cutHead(a.read(file))
	assert.Contains(t, diff, "-\tif n > 9 {\n+\tif n > 999 {\n")
	a.applies("solutions/02-two", file)
}

func TestAnswerFollowsCodeThatMovedToAnotherFile(t *testing.T) {
	a := newAuthor(t)
	const file = "solutions/02-two/wrong-answers/no-rebate.patch"
	total := "// Total is what all cost.\nfunc Total(price, n int) int {\n\t" + rebate + "\n}\n\n"
	a.change("solutions/02-two/shop/shop.go", total, "")
	a.put("solutions/02-two/shop/total.go", "package shop\n\n"+strings.TrimSuffix(total, "\n"))
	r := a.carriesAll()
	assert.Contains(t, a.read(file), "--- a/shop/total.go\n")
	assert.NotContains(t, a.read(file), "shop.go\n")
	a.applies("solutions/02-two", file)
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Path == file })
	assert.Equal(t, "what it changes is in shop/total.go now", r.Rows[i].Why)
	assert.Equal(t, a.read("solutions/02-two/shop/total.go"), a.read("solutions/03-three/shop/total.go"))
}

func TestAnswerThatChangesNothingAnyMoreIsTold(t *testing.T) {
	a := newAuthor(t)
	const file = "solutions/02-two/wrong-answers/no-rebate.patch"
	a.change("solutions/02-two/shop/shop.go", "n >= 10", "n >= 1000")
	r := a.carry()
	require.Equal(t, []string{file}, conflicts(r))
	assert.Contains(t, why(r, file), "changes nothing")
	a.remove(file)
	a.carriesAll()
}

func TestAnswerChangedByHandStaysIfItFits(t *testing.T) {
	a := newAuthor(t)
	const file = "solutions/02-two/wrong-answers/no-rebate.patch"
	a.change("solutions/02-two/shop/shop.go", "n >= 10", "n > 9")
	a.change(file, "-\tif n >= 10 {", "-\tif n > 9 {")
	mine := a.read(file)
	a.carriesAll()
	assert.Equal(t, mine, a.read(file))
	a.change(file, "-\tif n > 9 {", "-\tif n > 8 {")
	assert.Equal(t, []string{file}, conflicts(a.carry()))
}

func TestDryRunWritesNothing(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	before := a.state()
	r, err := Run(t.Context(), Options{Course: a.course, DryRun: true})
	require.NoError(t, err)
	assert.Len(t, pathsOf(r, Carried), 4)
	assert.Equal(t, before, a.state())
	assert.False(t, a.has(memoryFile))
}

func TestCommittedChangeIsCarriedFromItsBase(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.commit()
	assert.Empty(t, a.carry().Rows)
	r, err := Run(t.Context(), Options{Course: a.course, Base: "HEAD~1"})
	require.NoError(t, err)
	assert.Empty(t, conflicts(r))
	assert.Contains(t, a.read("solutions/03-three/shop/shop.go"), "return 6")
}

func TestOnlyWhatWasAskedForIsCarried(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.change("solutions/01-one/plain/plain.go", "return 1", "return 3")
	_, err := Run(t.Context(), Options{Course: a.course, Only: []string{"solutions/01-one/plain"}})
	require.NoError(t, err)
	assert.Contains(t, a.read("solutions/03-three/plain/plain.go"), "return 3")
	assert.Contains(t, a.read("solutions/03-three/shop/shop.go"), "return 5")
}

func TestLinesWithoutAnOrderAreMergedAsASet(t *testing.T) {
	merge := func(ours, base, theirs string) string {
		return "(\n<<<<<<< a\n" + ours + "||||||| b\n" + base + "=======\n" + theirs + ">>>>>>> c\n)\n"
	}
	cases := map[string]struct{ file, ours, base, theirs, want string }{
		"imports":    {"x.go", "\t\"a\"\n\t\"b\"\n", "\t\"b\"\n\t\"c\"\n", "\t\"b\"\n\t\"c\"\n\tx \"bb\"\n", "\t\"a\"\n\t\"b\"\n\tx \"bb\"\n"},
		"two names":  {"x.go", "\ty \"a\"\n", "\t\"a\"\n", "\tx \"a\"\n", ""},
		"code":       {"x.go", "\ta()\n", "\tb()\n", "\tc()\n", ""},
		"versions":   {"go.mod", "\ta v1.0.0\n\tb v1.0.0\n", "\ta v1.0.0\n", "\ta v1.1.0\n", "\ta v1.1.0\n\tb v1.0.0\n"},
		"unlike":     {"go.mod", "\ta v1.2.0\n", "\ta v1.0.0\n", "\ta v1.1.0\n", ""},
		"sums":       {"go.sum", "b v1 h1:x=\n", "", "a v1 h1:x=\na v1/go.mod h1:y=\n", "a v1 h1:x=\na v1/go.mod h1:y=\nb v1 h1:x=\n"},
		"other file": {"x.sql", "\t\"a\"\n", "", "\t\"b\"\n", ""},
	}
	for name, c := range cases {
		whole := merge(c.ours, c.base, c.theirs)
		merged, conflict := resolve(whole, unordered(c.file))
		want := "(\n" + c.want + ")\n"
		if c.want == "" {
			want = whole
		}
		assert.Equal(t, want, merged, name)
		assert.Equal(t, c.want == "", conflict, name)
	}
}
