package verify

import (
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/excerpt"
)

var (
	linkPattern   = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)`)
	definition    = regexp.MustCompile(`^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?(\s|$)`)
	codeSpan      = regexp.MustCompile("`[^`]*`")
	stepReference = regexp.MustCompile(`\b\d{2}-[a-z][a-z0-9-]*\b`)
	minutesStated = regexp.MustCompile(`\b(\d+)\s*min(utes)?\b`)
)

// links checks the pages: that each relative link leads to a file, and that each block
// of code that is pulled from a file (```go file=solutions/01-x/main.go region=order)
// names a file, and a region that begins in it with a comment "region order".
func links(w *work) {
	for _, page := range w.pages() {
		w.eachLine(page, func(number int, text string, code bool) {
			switch {
			case strings.HasPrefix(strings.TrimSpace(text), "```"):
				w.codeReference(page, number, text)
			case !code:
				w.linksOf(page, number, text)
			}
		})
	}
}

// pages lists the Markdown files of the round: lessons of its steps, and all others too
// when the round is about the whole course.
func (w *work) pages() []string {
	var list []string
	if w.partial {
		for _, s := range w.steps {
			list = append(list, s.LessonPath)
		}
		return list
	}
	for _, top := range []string{"README.md", "site/content", "tools"} {
		filepath.WalkDir(filepath.Join(w.Course.Root, top), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".md") {
				list = append(list, path)
			}
			return nil
		})
	}
	return list
}

// eachLine calls visit for the lines of a page, and says which are code.
func (w *work) eachLine(page string, visit func(number int, text string, code bool)) {
	src, err := os.ReadFile(page)
	if err != nil {
		w.add(page, "%v", err)
		return
	}
	code, number := false, 0
	for text := range strings.Lines(string(src)) {
		number++
		if strings.HasPrefix(strings.TrimSpace(text), "```") {
			code = !code
			if !code {
				continue
			}
		}
		visit(number, strings.TrimRight(text, "\n"), code)
	}
}

func (w *work) linksOf(page string, number int, text string) {
	text = codeSpan.ReplaceAllString(text, "")
	for _, re := range []*regexp.Regexp{linkPattern, definition} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			if !w.leadsSomewhere(page, m[1]) {
				w.add(page, "line %d links to %s, which isn't there", number, m[1])
			}
		}
	}
}

// leadsSomewhere reports that a relative link names a file. Addresses elsewhere and
// anchors are not looked at.
func (w *work) leadsSomewhere(page, target string) bool {
	u, err := url.Parse(target)
	if err != nil {
		return false
	}
	if u.IsAbs() || u.Host != "" || u.Path == "" {
		return true
	}
	from := filepath.Dir(page)
	if strings.HasPrefix(u.Path, "/") {
		from = filepath.Join(w.Course.Root, "site", "content")
	}
	return exists(filepath.Join(from, filepath.FromSlash(u.Path)))
}

// codeReference checks the file and the region that a block of code is pulled from.
func (w *work) codeReference(page string, number int, fence string) {
	f, err := excerpt.ParseFence(fence)
	if err == nil && f.File != "" {
		_, err = f.Read(w.Course.Root)
	}
	if err != nil {
		w.add(page, "line %d %v", number, err)
	}
}

// rendered has the site checked by the command that renders it, which compiles what this
// one must not: its findings are lines "file:line: what".
func rendered(w *work) {
	out, err := w.command(w.Course.Root).Run(w.ctx, "go", "run", "./tools/cmd/site", "check")
	if err != nil {
		for line := range strings.Lines(command.FirstOf(out, err)) {
			w.list = append(w.list, strings.TrimSpace(line))
		}
	}
}

// minutes checks stated times against the lessons' front matter: a line of a page
// that names one step with "N min", and a page about a track (front matter "track:
// half-day" and "minutes: 240") against the sum of its steps.
func minutes(w *work) {
	byName, byTrack := map[string]int{}, map[string]int{}
	for _, s := range w.Course.Steps {
		byName[s.Name] = s.Minutes
		for _, track := range s.Tracks {
			byTrack[track] += s.Minutes
		}
	}
	for _, page := range w.pages() {
		w.eachLine(page, func(number int, text string, code bool) {
			if !code {
				w.statedMinutes(page, number, text, byName)
			}
		})
		w.trackMinutes(page, byTrack)
	}
	var sums []string
	for _, track := range slices.Sorted(maps.Keys(byTrack)) {
		sums = append(sums, track+" "+strconv.Itoa(byTrack[track]))
	}
	w.note = strings.Join(sums, ", ")
}

func (w *work) statedMinutes(page string, number int, text string, byName map[string]int) {
	names := slices.DeleteFunc(stepReference.FindAllString(text, -1), func(name string) bool { return byName[name] == 0 })
	slices.Sort(names)
	names = slices.Compact(names)
	stated := minutesStated.FindAllStringSubmatch(text, -1)
	if len(names) != 1 || len(stated) != 1 {
		return
	}
	if n, _ := strconv.Atoi(stated[0][1]); n != byName[names[0]] {
		w.add(page, "line %d says %d minutes for %s, its lesson says %d", number, n, names[0], byName[names[0]])
	}
}

func (w *work) trackMinutes(page string, byTrack map[string]int) {
	var about struct {
		Track   string
		Minutes int
	}
	src, err := os.ReadFile(page)
	if err != nil {
		w.add(page, "%v", err)
		return
	}
	head, _, err := course.SplitLesson(src)
	if err != nil {
		return // a page without front matter states nothing
	}
	if err := yaml.Unmarshal(head, &about); err == nil && about.Track != "" && about.Minutes != byTrack[about.Track] {
		w.add(page, "says %d minutes for the track %s, whose steps take %d", about.Minutes, about.Track, byTrack[about.Track])
	}
}
