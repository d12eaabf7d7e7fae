package draw

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const before = `package a

func One() {
	a()
	b()
	c()
	d()
}

func Two() {
	e()
	f()
	g()
	h()
	i()
}
`

func TestDiff(t *testing.T) {
	after := strings.Replace(strings.Replace(before, "\ta()\n", "\ta()\n\tnew()\n", 1), "\th()\n", "", 1)
	d := NewDiff("yours", "solution",
		map[string][]byte{"a.go": []byte(before), "same.go": []byte("x"), "gone.go": []byte("x\n")},
		map[string][]byte{"a.go": []byte(after), "same.go": []byte("x"), "made.sql": []byte("y\nz")})
	require.Len(t, d.Files, 3)
	assert.Equal(t, 3, d.Added)
	assert.Equal(t, 2, d.Removed)

	f := d.Files[0]
	assert.Equal(t, DiffFile{ID: "file-a-go", Name: "a.go", Added: 1, Removed: 1, Hunks: f.Hunks}, f)
	require.Len(t, f.Hunks, 2)
	assert.Equal(t, "@@ -2,6 +2,7 @@ package a", f.Hunks[0].Head)
	assert.Equal(t, "@@ -11,6 +12,5 @@ func Two()", f.Hunks[1].Head)
	assert.Equal(t, DiffLine{Kind: "add", New: 5, HTML: "\t" + `<span class="t">new</span>()`}, f.Hunks[0].Lines[3])
	assert.Equal(t, DiffLine{Kind: "same", Old: 11, New: 12, HTML: "\te()"}, f.Hunks[1].Lines[0])
	assert.Equal(t, DiffLine{Kind: "del", Old: 14, HTML: "\th()"}, f.Hunks[1].Lines[3])
	assert.Equal(t, DiffLine{Kind: "same", Old: 16, New: 16, HTML: "}"}, f.Hunks[1].Lines[5])

	assert.Equal(t, "only in the yours", d.Files[1].Note)
	assert.Equal(t, "only in the solution", d.Files[2].Note)
	assert.Equal(t, 2, d.Files[2].Added)
}

// TestDiffNumbersEachLine holds the numbers against the files, for many changes.
func TestDiffNumbersEachLine(t *testing.T) {
	old, new := numbered(400, 7), numbered(400, 11)
	d := NewDiff("a", "b", map[string][]byte{"x": []byte(old)}, map[string][]byte{"x": []byte(new)})
	left, right := strings.Split(old, "\n"), strings.Split(new, "\n")
	for _, h := range d.Files[0].Hunks {
		for _, l := range h.Lines {
			if l.Old > 0 {
				assert.Equal(t, left[l.Old-1], string(l.HTML))
			}
			if l.New > 0 {
				assert.Equal(t, right[l.New-1], string(l.HTML))
			}
		}
	}
}

// numbered is n numbered lines without each one that step divides.
func numbered(n, step int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		if i%step != 0 {
			fmt.Fprintf(&b, "line %d\n", i)
		}
	}
	return b.String()
}

func TestEqualFilesHaveNoDiff(t *testing.T) {
	same := map[string][]byte{"a": []byte("x")}
	assert.Equal(t, &Diff{From: "a", To: "b"}, NewDiff("a", "b", same, same))
	assert.Equal(t, &Diff{From: "a", To: "b"}, NewDiff("a", "b", nil, nil))
}

func TestDiffLeavesOutRegionMarkers(t *testing.T) {
	d := NewDiff("starter", "solution",
		map[string][]byte{"a.go": []byte("package a\n\nfunc f() {}\n"), "b.sql": []byte("SELECT 1;\n")},
		map[string][]byte{"a.go": []byte("package a\n\n// region f\n\nfunc f() { g() }\n\n// endregion\n"), "b.sql": []byte("-- region one\nSELECT 1;\n-- endregion\n")})
	require.Len(t, d.Files, 1, "b.sql only has a region more")
	assert.Equal(t, []int{1, 1}, []int{d.Added, d.Removed})
	last := d.Files[0].Hunks[0].Lines
	assert.Equal(t, 5, last[len(last)-1].New, "lines keep their numbers")
}
