// Package filewatch tells when files of a step were saved: at once where the file system
// says so, a moment later where it has to be asked.
package filewatch

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"example.com/boxoffice/tools/internal/course"
)

const (
	// settle is how long nothing may change before a save counts as complete: editors
	// write, rename and touch several times for one save.
	settle = 60 * time.Millisecond
	// safetyNet is how often files are looked at beside the events.
	safetyNet = 2 * time.Second
	// pollEvery is how often files are looked at where there are no events.
	pollEvery = 500 * time.Millisecond
)

// Options say how to watch.
type Options struct {
	Poll   bool              // don't ask the file system for events
	Notice func(line string) // told, once, when and why files are polled; may be nil
}

// Watch sends on the channel after files below dir were saved, made or removed, until
// ctx ends; then it closes the channel. Saves that come while the last one isn't taken yet
// are one. Temporary files of editors and files that aren't the module's don't count, and
// neither does a save that leaves size and time as they were.
func Watch(ctx context.Context, dir string, o Options) <-chan struct{} {
	w := &watcher{dir: dir, notice: o.Notice, saved: make(chan struct{}, 1)}
	if w.notice == nil {
		w.notice = func(string) {}
	}
	w.seen = w.look()
	if o.Poll {
		w.notice("looking for saved files twice a second, as WORKSHOP_POLL asks")
	} else {
		w.subscribe()
	}
	go w.run(ctx)
	return w.saved
}

type watcher struct {
	dir    string
	notice func(string)
	saved  chan struct{}
	events *fsnotify.Watcher // nil while polling
	seen   map[string]stamp
}

// stamp is what changes when a file is saved.
type stamp struct {
	size    int64
	changed time.Time
}

// subscribe asks for events of every folder, and falls back to polling.
func (w *watcher) subscribe() {
	events, err := fsnotify.NewWatcher()
	if err == nil {
		w.events = events
		err = w.addFolders()
	}
	if err != nil {
		w.poll(err.Error())
	}
}

// poll gives up on events.
func (w *watcher) poll(why string) {
	if w.events != nil {
		_ = w.events.Close()
		w.events = nil
	}
	w.notice(fmt.Sprintf("this system doesn't tell about saved files (%s): looking twice a second instead", why))
}

// addFolders asks for the events of all folders; one that was asked for already is fine.
func (w *watcher) addFolders() error {
	return filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // it is gone: the next look finds out
		}
		if path != w.dir && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if err := w.events.Add(path); err != nil {
			return fmt.Errorf("watch %s: %w", path, err)
		}
		return nil
	})
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.saved)
	defer func() {
		if w.events != nil {
			_ = w.events.Close()
		}
	}()
	timer := time.NewTimer(w.interval())
	defer timer.Stop()
	eventful := false // an event came since the last look
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-w.eventChannel():
			if !ok {
				w.poll("its events ended")
			}
			eventful = true
			timer.Reset(settle)
		case <-w.errorChannel(): // such as events that were dropped: look for oneself
			eventful = true
			timer.Reset(settle)
		case <-timer.C:
			w.check(ctx, eventful)
			eventful = false
			timer.Reset(w.interval())
		}
	}
}

func (w *watcher) interval() time.Duration {
	if w.events == nil {
		return pollEvery
	}
	return safetyNet
}

// eventChannel is nil, which blocks for ever, while polling.
func (w *watcher) eventChannel() <-chan fsnotify.Event {
	if w.events == nil {
		return nil
	}
	return w.events.Events
}

func (w *watcher) errorChannel() <-chan error {
	if w.events == nil {
		return nil
	}
	return w.events.Errors
}

// check compares the files with the last look, and tells of a difference.
func (w *watcher) check(ctx context.Context, eventful bool) {
	now := w.look()
	if maps.Equal(now, w.seen) {
		return
	}
	if w.events != nil && !eventful && !w.lateEvent(ctx) {
		w.poll("no event came for a file that changed")
	}
	w.seen = now
	if w.events != nil {
		if err := w.addFolders(); err != nil {
			w.poll(err.Error())
		}
	}
	select {
	case w.saved <- struct{}{}:
	default:
	}
}

// lateEvent gives an event the time to arrive that was on its way when the net caught
// the change.
func (w *watcher) lateEvent(ctx context.Context) bool {
	select {
	case <-w.events.Events:
		return true
	case <-ctx.Done():
		return true
	case <-time.After(5 * settle):
		return false
	}
}

// look takes the stamps of the module's files.
func (w *watcher) look() map[string]stamp {
	stamps := map[string]stamp{}
	files, err := course.Files(w.dir)
	if err != nil {
		return stamps // the folder is gone, or going
	}
	for _, f := range files {
		if temporary(filepath.Base(f)) {
			continue
		}
		if info, err := os.Stat(filepath.Join(w.dir, filepath.FromSlash(f))); err == nil {
			stamps[f] = stamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}

// temporary reports whether an editor made a file for itself: vim's 4913 and backups,
// Emacs's #locks#, JetBrains's and others' temporary copies.
func temporary(name string) bool {
	return name == "4913" || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#") ||
		strings.HasSuffix(name, ".tmp") || strings.Contains(name, "___jb_") || strings.HasSuffix(name, ".swp")
}
