// Package draw makes the HTML and SVG of what isn't Markdown: code in colours, diffs, charts, and
// lines of plain text.
package draw

import (
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/boxoffice/tools/internal/excerpt"
	"example.com/boxoffice/tools/internal/patch"
)

// Diff is how some files differ.
type Diff struct {
	From, To       string // what the two sides are called: "starter", "solution"
	Files          []DiffFile
	Added, Removed int // lines
}

// DiffFile is how one file differs.
type DiffFile struct {
	ID             string // for links inside the page
	Name           string
	Note           string // "only in the solution"; "" when both sides have it
	Added, Removed int
	Hunks          []DiffHunk
}

// DiffHunk is a run of lines, some of which differ.
type DiffHunk struct {
	Head  string // "@@ -12,7 +12,9 @@ func Open"
	Lines []DiffLine
}

// DiffLine is a line of a diff.
type DiffLine struct {
	Kind string        // same, add or del
	Old  int           // its number on the left side; 0 when it isn't there
	New  int           // its number on the right side; 0 when it isn't there
	HTML template.HTML // with syntax colours
}

// NewDiff compares two sets of files by their slash-separated paths. From and to are what
// the sides are called: "starter", "solution".
func NewDiff(from, to string, before, after map[string][]byte) *Diff {
	all := maps.Clone(before)
	if all == nil {
		all = map[string][]byte{}
	}
	maps.Copy(all, after)
	d := &Diff{From: from, To: to}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, left := before[name]
		new, right := after[name]
		if left == right && string(old) == string(new) {
			continue
		}
		f := diffFile(name, string(old), string(new))
		if left && right && len(f.Hunks) == 0 {
			continue
		}
		switch {
		case !left:
			f.Note = "only in the " + to
		case !right:
			f.Note = "only in the " + from
		}
		d.Files = append(d.Files, f)
		d.Added += f.Added
		d.Removed += f.Removed
	}
	return d
}

// hunkHead matches the position of a hunk.
var hunkHead = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@`)

func diffFile(name, old, new string) DiffFile {
	f := DiffFile{ID: FileID(name), Name: name}
	numbers := numbering{
		left:  Code(LanguageOf(name), old),
		right: Code(LanguageOf(name), new),
	}
	unified := strings.Split(strings.TrimSuffix(patch.Unified(name, name, old, new), "\n"), "\n")
	var texts []string                                    // of the lines of the last hunk
	for _, text := range unified[min(2, len(unified)):] { // below the two names
		if m := hunkHead.FindStringSubmatch(text); m != nil {
			f.endHunk(texts)
			f.Hunks = append(f.Hunks, DiffHunk{Head: numbers.begin(m, old)})
			texts = nil
			continue
		}
		if line, ok := numbers.line(text); ok {
			last := &f.Hunks[len(f.Hunks)-1]
			last.Lines, texts = append(last.Lines, line), append(texts, text[min(1, len(text)):])
		}
	}
	f.endHunk(texts)
	return f
}

// endHunk counts the changes of the last hunk, and drops it when it has none. A change
// that only marks a region for a lesson is none.
func (f *DiffFile) endHunk(texts []string) {
	if len(f.Hunks) == 0 {
		return
	}
	last := &f.Hunks[len(f.Hunks)-1]
	last.Lines = withoutMarkers(last.Lines, texts)
	changes := 0
	for _, l := range last.Lines {
		switch l.Kind {
		case "add":
			f.Added++
		case "del":
			f.Removed++
		default:
			continue
		}
		changes++
	}
	if changes == 0 {
		f.Hunks = f.Hunks[:len(f.Hunks)-1]
	}
}

// withoutMarkers leaves out changed lines that mark regions, and with each of them a
// blank line beside it that changed in the same way.
func withoutMarkers(lines []DiffLine, texts []string) []DiffLine {
	marks := func(i int, kind string) bool {
		return i >= 0 && i < len(lines) && lines[i].Kind == kind && excerpt.IsMarker(texts[i])
	}
	var kept []DiffLine
	for i, l := range lines {
		blank := strings.TrimSpace(texts[i]) == ""
		if l.Kind != "same" && (marks(i, l.Kind) || blank && (marks(i-1, l.Kind) || marks(i+1, l.Kind))) {
			continue
		}
		kept = append(kept, l)
	}
	return kept
}

// numbering counts the lines of both sides while a diff is read.
type numbering struct {
	old, new    int
	left, right []template.HTML
}

// begin starts to count where a hunk says, and returns its head with the declaration that
// it stands in.
func (n *numbering) begin(m []string, old string) string {
	n.old, _ = strconv.Atoi(m[1]) // the pattern saw digits
	n.new, _ = strconv.Atoi(m[2])
	if within := enclosing(old, n.old); within != "" {
		return m[0] + " " + within
	}
	return m[0]
}

// line reads a line of a unified diff. It isn't ok for what diff says about missing ends
// of lines.
func (n *numbering) line(text string) (l DiffLine, ok bool) {
	switch {
	case strings.HasPrefix(text, "-"):
		l = DiffLine{Kind: "del", Old: n.old, HTML: at(n.left, n.old)}
		n.old++
	case strings.HasPrefix(text, "+"):
		l = DiffLine{Kind: "add", New: n.new, HTML: at(n.right, n.new)}
		n.new++
	case strings.HasPrefix(text, "\\"):
		return l, false
	default:
		l = DiffLine{Kind: "same", Old: n.old, New: n.new, HTML: at(n.right, n.new)}
		n.old, n.new = n.old+1, n.new+1
	}
	return l, true
}

func at(lines []template.HTML, number int) template.HTML {
	if number < 1 || number > len(lines) {
		return ""
	}
	return lines[number-1]
}

// heading matches a line that git would name above a hunk: one that begins in the first
// column with a word.
var heading = regexp.MustCompile(`^[A-Za-z_]`)

// enclosing is the last line above line number that begins a declaration.
func enclosing(src string, number int) string {
	found := ""
	n := 0
	for line := range strings.Lines(src) {
		if n++; n >= number {
			break
		}
		if heading.MatchString(line) {
			found = strings.TrimSuffix(strings.TrimSpace(line), " {")
		}
	}
	return found
}

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// FileID is the id of a file on a page: "file-postgres-store-go".
func FileID(name string) string {
	return "file-" + strings.Trim(unfit.ReplaceAllString(strings.ToLower(name), "-"), "-")
}
