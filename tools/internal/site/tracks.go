package site

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

const tracksFile = content.Dir + "/tracks.yaml"

// track is a course for a room, as tracks.yaml has it.
type track struct {
	ID      string     `yaml:"id"`
	Title   string     `yaml:"title"`
	Summary string     `yaml:"summary"`
	Days    []trackDay `yaml:"days"`
}

type trackDay struct {
	Title  string      `yaml:"title"`
	Starts string      `yaml:"starts"` // "09:00"
	Slots  []trackSlot `yaml:"slots"`
}

// trackSlot is a step, a break or a talk. A step takes the minutes of its lesson, the
// others state theirs.
type trackSlot struct {
	Step    int    `yaml:"step"`
	Break   string `yaml:"break"`
	Talk    string `yaml:"talk"`
	Minutes int    `yaml:"minutes"`
}

// timetables puts the tracks on the page, below its text.
func (s *Site) timetables(b *build) {
	var tracks []track
	found := content.ReadYAML(s.course.Root, tracksFile, &tracks)
	if len(tracks) > 0 {
		b.view.Contents = append(b.view.Contents, Heading{2, "timetables", "Timetables"})
	}
	for _, t := range tracks {
		r := &timetable{site: s, from: b.view.Path, track: t}
		b.view.Tracks = append(b.view.Tracks, r.view())
		b.view.Contents = append(b.view.Contents, Heading{3, "track-" + t.ID, draw.Curly(t.Title)})
		found = append(found, r.found...)
	}
	b.findings = append(b.findings, found...)
	b.findings = append(b.findings, s.unknownTracks(tracks)...)
}

// timetable computes the times of a track.
type timetable struct {
	site  *Site
	from  string // the page that shows it
	track track
	steps []int
	work  int // minutes
	found content.Findings
}

func (r *timetable) view() TrackView {
	v := TrackView{ID: r.track.ID, Title: draw.Curly(r.track.Title), Summary: draw.Curly(r.track.Summary)}
	for _, day := range r.track.Days {
		v.Days = append(v.Days, r.day(day))
	}
	v.Minutes = r.work
	for _, step := range r.site.course.Steps {
		inTrack := slices.Contains(r.steps, step.Number)
		if inLesson := slices.Contains(step.Tracks, r.track.ID); inTrack != inLesson {
			r.add("%s has step %02d: %t, its lesson says: %t", r.track.ID, step.Number, inTrack, inLesson)
		}
	}
	return v
}

func (r *timetable) day(day trackDay) DayView {
	v := DayView{Title: draw.Curly(day.Title)}
	at, err := time.Parse("15:04", day.Starts)
	if err != nil {
		r.add("%s has a day that starts at %q, which is no time such as \"09:00\"", r.track.ID, day.Starts)
	}
	for _, slot := range day.Slots {
		line, ok := r.slot(slot)
		if !ok {
			continue
		}
		end := at.Add(time.Duration(line.Minutes) * time.Minute)
		line.From, line.To = at.Format("15:04"), end.Format("15:04")
		v.Slots = append(v.Slots, line)
		at = end
	}
	return v
}

// slot reads a line of a timetable, without its times.
func (r *timetable) slot(slot trackSlot) (SlotView, bool) {
	switch {
	case slot.Step > 0:
		step := r.site.course.Step(slot.Step)
		if step == nil {
			r.add("%s has step %d, which isn't there", r.track.ID, slot.Step)
			return SlotView{}, false
		}
		return r.step(slot, step), true
	case slot.Minutes < 1:
		r.add("%s has a slot %q without minutes", r.track.ID, slot.Break+slot.Talk)
		return SlotView{}, false
	case slot.Break != "":
		return SlotView{Minutes: slot.Minutes, Title: draw.Curly(slot.Break), Break: true}, true
	default:
		r.work += slot.Minutes
		return SlotView{Minutes: slot.Minutes, Title: draw.Curly(slot.Talk)}, true
	}
}

func (r *timetable) step(slot trackSlot, step *course.Step) SlotView {
	if slot.Minutes != 0 {
		r.add("%s states minutes for step %d, whose lesson says them", r.track.ID, slot.Step)
	}
	if slices.Contains(r.steps, slot.Step) {
		r.add("%s has step %d twice", r.track.ID, slot.Step)
	}
	r.steps = append(r.steps, slot.Step)
	r.work += step.Minutes
	link := stepLink(r.from, step)
	return SlotView{Minutes: step.Minutes, Title: link.Number + " " + link.Title, Href: link.Href}
}

// add records that something is wrong in the track, at its first line.
func (r *timetable) add(format string, args ...any) {
	src, _ := os.ReadFile(filepath.Join(r.site.course.Root, filepath.FromSlash(tracksFile)))
	r.found = append(r.found, content.Finding{File: tracksFile, Line: content.LineOf(src, "id: "+r.track.ID), What: fmt.Sprintf(format, args...)})
}

// unknownTracks finds lessons that belong to a track which tracks.yaml doesn't have.
func (s *Site) unknownTracks(tracks []track) content.Findings {
	if len(tracks) == 0 {
		return nil
	}
	var found content.Findings
	for _, step := range s.course.Steps {
		for _, id := range step.Tracks {
			if !slices.ContainsFunc(tracks, func(t track) bool { return t.ID == id }) {
				file := content.Dir + "/steps/" + step.Name + ".md"
				src, _ := os.ReadFile(step.LessonPath)
				found = append(found, content.Finding{File: file, Line: content.LineOf(src, "tracks:"), What: fmt.Sprintf("%s has no track %s", tracksFile, id)})
			}
		}
	}
	return found
}
