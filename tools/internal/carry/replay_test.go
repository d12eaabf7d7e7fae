package carry

import (
	"flag"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
)

var replayRange = flag.String("replay", "", "carry again what these `COMMITS` of this repository changed in several steps, such as abc..HEAD, and compare")

// TestReplay carries the edits of the project's history again: of each file that a commit
// changed in several folders, what the first folder got is carried to the others, and
// compared with what was committed. It reports; what is "different" has to be read by a
// person, since the commit may have done more there.
//
//	go test ./tools/internal/carry -run Replay -v -replay REV..REV
func TestReplay(t *testing.T) {
	if *replayRange == "" {
		t.Skip("needs -replay REV..REV")
	}
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	repo := repository{t.Context(), root}
	commits, err := repo.run(0, "rev-list", "--reverse", "--no-merges", *replayRange)
	require.NoError(t, err)
	edits, places := map[string]int{}, map[string]int{}
	for _, commit := range strings.Fields(commits) {
		r := replayCommit(t, repo, commit)
		for rel, e := range r {
			edits[e.verdict()]++
			for _, how := range e {
				places[how]++
			}
			if e.verdict() != "equal" {
				t.Logf("%.9s %s: %s\n%s", commit, rel, e.verdict(), e)
			}
		}
	}
	t.Logf("edits: %v", edits)
	t.Logf("places: %v", places)
}

// replayed is how each folder's file compares, by folder.
type replayed map[string]string

func (r replayed) verdict() string {
	for _, how := range []string{"different", "left"} {
		if slices.Contains(slices.Collect(maps.Values(r)), how) {
			return how
		}
	}
	return "equal"
}

func (r replayed) String() string {
	var b strings.Builder
	for _, folder := range slices.SortedFunc(maps.Keys(r), func(a, b string) int { return strings.Compare(rank(a), rank(b)) }) {
		fmt.Fprintf(&b, "\t%-26s %s\n", folder, r[folder])
	}
	return b.String()
}

// rank orders folders as a change travels.
func rank(folder string) string {
	return path.Base(folder) + map[string]string{"steps": "0", "solutions": "1"}[path.Dir(folder)]
}

func replayCommit(t *testing.T, repo repository, commit string) map[string]replayed {
	before, err := repo.run(1, "rev-parse", "--verify", "--quiet", commit+"^")
	require.NoError(t, err)
	if strings.TrimSpace(before) == "" {
		return nil
	}
	base, err := repo.snapshot(commit + "^")
	require.NoError(t, err)
	defer base.close()
	after, err := repo.snapshot(commit)
	require.NoError(t, err)
	defer after.close()

	p := &planner{merger: merger{repo, t.TempDir()}, base: base, now: map[string]text{}, want: map[string]text{}, waiting: map[string]bool{},
		memory: &memory{Files: map[string]record{}}, steps: stepsOf(base, after, repo, t, commit)}
	edited := map[string][]string{} // by path inside the folders, those that the commit changed
	for _, folder := range p.folders() {
		for _, file := range union(base, after) {
			rel, ok := strings.CutPrefix(file, folder+"/")
			_, there := base.objects[folder+"/go.mod"] // making a step is no edit
			if ok && there && course.Belongs(path.Base(folder), rel) && base.objects[file] != after.objects[file] {
				edited[rel] = append(edited[rel], folder)
			}
		}
	}
	for rel, folders := range edited {
		if len(folders) < 2 {
			delete(edited, rel)
			continue
		}
		file := folders[0] + "/" + rel
		p.now[file] = after.file(file)
	}
	require.NoError(t, base.err)
	require.NoError(t, p.plan())
	return compareReplay(p, edited, after)
}

func compareReplay(p *planner, edited map[string][]string, after *snapshot) map[string]replayed {
	result := map[string]replayed{}
	for rel, folders := range edited {
		r := replayed{}
		stuck := false
		for _, folder := range p.folders() {
			file := folder + "/" + rel
			want, is := p.wanted(file), after.file(file)
			if p.waiting[file] {
				stuck = stuck || strings.HasPrefix(folder, "solutions/") || rank(folder) == rank(folders[0])
				r[folder] = "left"
				continue
			}
			concerned := slices.Contains(folders, folder) || want != p.base.file(file)
			switch {
			case !concerned || folder == folders[0]:
			case want == is:
				r[folder] = "equal"
			case stuck && want == p.base.file(file):
				r[folder] = "left"
			default:
				r[folder] = "different"
			}
		}
		result[rel] = r
	}
	return result
}

func union(a, b *snapshot) []string {
	files := slices.Concat(slices.Collect(maps.Keys(a.objects)), slices.Collect(maps.Keys(b.objects)))
	slices.Sort(files)
	return slices.Compact(files)
}

// stepsOf are the steps that a commit or the one before it has, with what its lessons say
// is introduced.
func stepsOf(before, after *snapshot, repo repository, t *testing.T, commit string) []step {
	names := map[string]bool{}
	for _, file := range union(before, after) {
		if folder, _, ok := split(file); ok {
			names[path.Base(folder)] = true
		}
	}
	var steps []step
	for _, name := range slices.Sorted(maps.Keys(names)) {
		lesson, err := repo.run(128, "show", commit+":site/content/steps/"+name+".md")
		require.NoError(t, err)
		var head struct {
			Introduces []string `yaml:"introduces"`
		}
		if front, _, err := course.SplitLesson([]byte(lesson)); err == nil {
			require.NoError(t, yaml.Unmarshal(front, &head))
		}
		steps = append(steps, step{len(steps) + 1, name, head.Introduces})
	}
	return steps
}
