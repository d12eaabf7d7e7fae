package verify

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCodeLines(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]int{
		"":                                   0,
		"package a\n":                        1,
		"// About a.\npackage a // here\n\n": 1,
		"package a\n\nvar b = `one\ntwo\n\nfour` + `\nlast`\n": 6,
		"package a\n/* one\ntwo */ var b, c int\nvar d int;\n": 3,
	} {
		assert.Equal(t, want, codeLines([]byte(src)), "%q", src)
	}
}
