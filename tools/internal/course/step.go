package course

import "bytes"

// Step is one step of the syllabus.
type Step struct {
	Number      int
	Slug        string // "pooling"
	Name        string // "06-pooling"
	Title       string
	Summary     string // one line, for lists
	Measures    string // the claim that its tests measure, in half a line
	Minutes     int    // an estimate, for somebody new to the subject
	BuildsOn    []int
	Tracks      []string
	Learned     []string // shown once the step is green
	Tasks       []Task
	Dir         string // steps/06-pooling, absolute; the learner's
	SolutionDir string // solutions/06-pooling, absolute; the course's
	LessonPath  string // site/content/steps/06-pooling.md, absolute
	HintsPath   string // site/content/hints/06-pooling.yaml, absolute

	// Introduces are the files, and the folders ending in a slash, that the starter adds,
	// changes or drops against the solution before it without a gap in them.
	Introduces []string
	// Scenario is what `workshop measure` measures; nil for a step without one.
	Scenario *Scenario
}

// ModulePath is the path of the step's module, or of its solution's.
func (s *Step) ModulePath(solution bool) string {
	if solution {
		return modulePrefix + "solutions/" + s.Name
	}
	return modulePrefix + "steps/" + s.Name
}

// ForLearner rewrites a file of the solution for the learner's folder: the module path
// in its imports or its go.mod.
func (s *Step) ForLearner(src []byte) []byte {
	return bytes.ReplaceAll(src, []byte(s.ModulePath(true)), []byte(s.ModulePath(false)))
}

// ForSolution is the reverse of ForLearner.
func (s *Step) ForSolution(src []byte) []byte {
	return bytes.ReplaceAll(src, []byte(s.ModulePath(false)), []byte(s.ModulePath(true)))
}
