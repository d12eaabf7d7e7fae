package course_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestModulePathIsRewrittenBothWays(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	solved, err := s.Solved()
	require.NoError(t, err)
	assert.Contains(t, string(solved["main.go"]), `"example.com/boxoffice/steps/01-adding/number"`)
	original, err := os.ReadFile(filepath.Join(s.SolutionDir, "main.go"))
	require.NoError(t, err)
	assert.Equal(t, original, s.ForSolution(solved["main.go"]))
}

func TestModulePathsOfBothFolders(t *testing.T) {
	t.Parallel()
	s := coursetest.New(t).Steps[1]
	for solution, want := range map[bool]string{false: "example.com/boxoffice/steps/02-doubling", true: "example.com/boxoffice/solutions/02-doubling"} {
		assert.Equal(t, want, s.ModulePath(solution))
	}
	other := []byte("example.com/boxoffice/solutions/01-adding")
	assert.Equal(t, other, s.ForLearner(other), "another step's path stays")
}
