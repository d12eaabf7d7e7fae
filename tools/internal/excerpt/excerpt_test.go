package excerpt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFenceIsRead(t *testing.T) {
	cases := map[string]Fence{
		"```go file=steps/01/main.go region=serve": {"go", "steps/01/main.go", "serve"},
		"```go file=\"a.go\" region=\"b\"":         {"go", "a.go", "b"},
		"```sh":                                    {Language: "sh"},
		"```":                                      {},
		"chart file=site/data/06.json":             {Language: "chart", File: "site/data/06.json"},
		"  ```file=a.go":                           {File: "a.go"},
	}
	for line, want := range cases {
		got, err := ParseFence(line)
		assert.NoError(t, err, line)
		assert.Equal(t, want, got, line)
	}
	_, err := ParseFence("```go region=serve")
	assert.ErrorIs(t, err, ErrFenceWithoutFile)
}

const source = `package a

// region outer
func A() {
	// region inner
	b()

	if c {
		d()
	}
	// endregion
}

// endregion
-- region open
SELECT 1
`

func TestRegionIsCut(t *testing.T) {
	cases := map[string]string{
		"outer": "func A() {\n\tb()\n\n\tif c {\n\t\td()\n\t}\n}\n",
		"inner": "b()\n\nif c {\n\td()\n}\n",
		"open":  "SELECT 1\n",
	}
	for region, want := range cases {
		got, ok := Cut(source, region)
		assert.True(t, ok, region)
		assert.Equal(t, want, got, region)
	}
	_, ok := Cut(source, "out")
	assert.False(t, ok, "a part of a name is no name")
}

func TestReadNamesWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "a.go"), []byte(source), 0o644))

	_, err := Fence{File: "b.go"}.Read(root)
	assert.ErrorContains(t, err, "b.go, which isn't there")
	_, err = Fence{File: "a.go", Region: "x"}.Read(root)
	assert.ErrorContains(t, err, "region x from a.go")
	whole, err := Fence{File: "a.go"}.Read(root)
	require.NoError(t, err)
	assert.NotContains(t, whole, "region")
}
