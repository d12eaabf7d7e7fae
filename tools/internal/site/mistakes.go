package site

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"example.com/boxoffice/tools/internal/answers"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/mutation/score"
	"example.com/boxoffice/tools/internal/patch"
	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

// rightAnswers is the id of the group of other right answers.
const rightAnswers = "right-answers"

// mistakes makes the page with the wrong answers that a step's tests catch, by task, and
// the other right ones that they accept.
func (s *Site) mistakes(b *build, step *course.Step) {
	s.beside(b, step)
	v := &b.view
	v.Title = "Mistakes that these tests catch"
	v.Summary = "Each was tried against the tests, and the test that is named turned red."
	for _, t := range step.Tasks {
		v.Step.Wrong = append(v.Step.Wrong, MistakeGroup{Task: t.Number, Title: draw.Curly(t.Title)})
		v.Contents = append(v.Contents, Heading{2, fmt.Sprintf("task-%d", t.Number), fmt.Sprintf("Task %d: %s", t.Number, draw.Curly(t.Title))})
	}
	solution, err := s.solution(step)
	if err == nil {
		v.Step.Mutants, err = score.Read(step.SolutionDir)
	}
	if err != nil {
		b.findings = append(b.findings, content.Finding{File: "solutions/" + step.Name, What: err.Error()})
		return
	}
	for _, path := range patches(step, "wrong-answers") {
		a, view := b.answer(s, path, solution)
		if a == nil {
			continue
		}
		if step.Task(a.Task) == nil {
			b.findings = append(b.findings, content.Finding{File: s.rel(path), What: fmt.Sprintf("belongs to task %d, which isn't there", a.Task)})
			continue
		}
		group := &v.Step.Wrong[a.Task-1]
		group.Answers = append(group.Answers, view)
	}
	for _, path := range patches(step, rightAnswers) {
		if a, view := b.answer(s, path, solution); a != nil {
			v.Step.Right = append(v.Step.Right, view)
		}
	}
	if len(v.Step.Right) > 0 {
		v.Contents = append(v.Contents, Heading{2, rightAnswers, "Other right answers"})
	}
}

func patches(step *course.Step, folder string) []string {
	paths, _ := filepath.Glob(filepath.Join(step.SolutionDir, folder, "*.patch"))
	return paths
}

// solution is the solution's files as patches see them: with their own module path.
func (s *Site) solution(step *course.Step) (map[string][]byte, error) {
	files := s.steps[step.Name]
	if err := files.read(); err != nil {
		return nil, err
	}
	own := map[string][]byte{}
	for name, src := range files.solved {
		own[name] = step.ForSolution(src)
	}
	return own, nil
}

// answer reads an answer, applies it and adds it to the search; nil when it can't be.
func (b *build) answer(s *Site, file string, solution map[string][]byte) (*answers.Answer, AnswerView) {
	fail := func(err error) (*answers.Answer, AnswerView) {
		b.findings = append(b.findings, content.Finding{File: s.rel(file), What: err.Error()})
		return nil, AnswerView{}
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return fail(err)
	}
	a, err := answers.Parse(file, src)
	if err != nil {
		return fail(err)
	}
	diff, err := answerDiff(string(src), solution)
	if err != nil {
		return fail(err)
	}
	view := AnswerView{
		ID: strings.TrimSuffix(filepath.Base(file), ".patch"), Title: draw.Curly(a.Claim), Why: draw.Paragraphs(a.Why),
		CaughtBy: a.CaughtBy, Says: telling(a.Says), Diff: diff,
	}
	step := b.view.Step
	b.entries = append(b.entries, entry{
		Title: step.Number + " " + step.Title, Heading: view.Title, Path: b.view.Path + "#" + view.ID,
		Text: draw.Curly(strings.Join(strings.Fields(a.Why), " ")),
	})
	return a, view
}

// telling is a piece of a message that says something by itself, "" for one that doesn't.
func telling(piece string) string {
	if len(strings.Fields(piece)) < 4 {
		return ""
	}
	return piece
}

// answerDiff is what an answer changes.
func answerDiff(src string, solution map[string][]byte) (*draw.Diff, error) {
	changes, err := patch.Parse(src)
	if err != nil {
		return nil, err
	}
	after := maps.Clone(solution)
	for _, c := range changes {
		if err := c.ApplyNear(after); err != nil {
			return nil, err
		}
	}
	maps.DeleteFunc(after, func(name string, _ []byte) bool { return isGiven(name) })
	return draw.NewDiff("solution", "this answer", solution, after), nil
}

// rel is a path as seen from the course's root, with slashes.
func (s *Site) rel(path string) string {
	rel, err := filepath.Rel(s.course.Root, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}
