package carry

import (
	"maps"
	"path"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// makeStarters writes the starter.patch of each step that changed and waits for nobody.
func (p *planner) makeStarters() error {
	for _, s := range p.steps {
		if !p.changed(s.starter()) && !p.changed(s.solution()) || p.waits(s) {
			continue
		}
		file := s.solution() + "/" + course.StarterFile
		src, err := course.StarterPatch(s.number, p.module(s.solution(), s), p.module(s.starter(), s))
		if err != nil {
			p.row(Conflict, file, "%v", err)
			continue
		}
		if is := (text{string(src), true}); is != p.current(file) {
			p.want[file] = is
		}
		if p.wanted(file) != p.base.file(file) {
			p.row(Rewritten, file, "")
		}
	}
	return nil
}

// waits reports whether a file of the step waits for a person.
func (p *planner) waits(s step) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(p.waiting)), func(file string) bool {
		folder, rel, ok := split(file)
		return ok && (folder == s.starter() || folder == s.solution()) && course.Belongs(path.Base(folder), rel)
	})
}

// module is every file that a folder has to hold, with the learner's module path.
func (p *planner) module(folder string, s step) map[string][]byte {
	files := map[string][]byte{}
	add := func(file string) {
		rel, ok := strings.CutPrefix(file, folder+"/")
		if !ok || !course.Belongs(path.Base(folder), rel) {
			return
		}
		if t := p.wanted(file); t.exists {
			files[rel] = []byte(strings.ReplaceAll(t.content, modulePath(folder), modulePath(s.starter())))
		}
	}
	for file := range p.base.objects {
		add(file)
	}
	for _, file := range p.paths() {
		add(file)
	}
	return files
}
