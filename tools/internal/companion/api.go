package companion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"path/filepath"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
)

// mostBody is how long the JSON of a request may be.
const mostBody = 4 << 10

// request is what the actions read. Each uses what it needs.
type request struct {
	Step      string `json:"step"`
	Task      int    `json:"task"`
	Number    int    `json:"number"`    // of the hint that the page wants to open; 0 for the next
	Confirmed bool   `json:"confirmed"` // of reset and solve: without it they only say what they would do
}

// refusal is an answer other than 200. It says what to do next.
type refusal struct {
	status int
	Err    string `json:"error"`
	Next   string `json:"next,omitempty"` // a command
}

func (r *refusal) Error() string { return r.Err }

// action makes a handler of what an action does. Only POST requests that hold the page's
// token and JSON come through.
func (c *Companion) action(do func(r *http.Request, in request) (answer any, err error)) http.Handler {
	return only(http.MethodPost, c.needsToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := readRequest(w, r)
		var answer any
		if err == nil {
			answer, err = do(r, in)
		}
		reply(w, answer, err)
	})))
}

func readRequest(w http.ResponseWriter, r *http.Request) (request, error) {
	var in request
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return in, &refusal{status: http.StatusUnsupportedMediaType, Err: "an action takes JSON"}
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return in, &refusal{status: http.StatusBadRequest, Err: "this isn't the JSON of an action: " + err.Error()}
	}
	return in, nil
}

// reply writes JSON. An error that is no refusal says what the machine lacks.
func reply(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		var no *refusal
		if !errors.As(err, &no) {
			no = &refusal{status: http.StatusInternalServerError, Err: err.Error(), Next: "go tool workshop doctor"}
		}
		status, answer = no.status, no
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// onLoop has the loop do something that may fail, and answers with the state after it.
func (c *Companion) onLoop(r *http.Request, what func(ctx context.Context) error) (any, error) {
	var state State
	var failed error
	err := c.do(r.Context(), func(ctx context.Context) {
		if failed = what(ctx); failed == nil {
			state = c.state()
		}
	})
	return state, errors.Join(err, failed)
}

// serveState answers GET /api/state.
func (c *Companion) serveState(w http.ResponseWriter, r *http.Request) {
	state, err := c.onLoop(r, func(context.Context) error { return nil })
	reply(w, state, err)
}

// runNow runs the tests of the step that is watched.
func (c *Companion) runNow(r *http.Request, _ request) (any, error) {
	return c.onLoop(r, func(ctx context.Context) error {
		c.run(ctx)
		return nil
	})
}

// openHint opens one more hint of a task. A page that names the hint opens it once: two
// tabs that ask for the second don't get the third.
func (c *Companion) openHint(r *http.Request, in request) (any, error) {
	step, err := c.step(in)
	if err != nil {
		return nil, err
	}
	task := step.Task(in.Task)
	if task == nil {
		return nil, &refusal{status: http.StatusNotFound, Err: fmt.Sprintf("step %02d has no task %d", step.Number, in.Task)}
	}
	if in.Number < 0 || in.Number > len(task.Hints) {
		return nil, &refusal{status: http.StatusNotFound, Err: fmt.Sprintf("task %d has no hint %d; its hints are 1 to %d", in.Task, in.Number, len(task.Hints))}
	}
	return c.onLoop(r, func(context.Context) error {
		_ = c.Progress.Refresh() // without the file, what is known here counts
		if in.Number == 0 || in.Number > learner.OpenedHints(c.Progress, step, task) {
			learner.OpenHint(c.Progress, step, task)
			c.save()
		}
		return nil
	})
}

// goTo makes a step the current one, as `workshop next STEP` does, and watches it.
func (c *Companion) goTo(r *http.Request, in request) (any, error) {
	step, err := c.step(in)
	if err != nil {
		return nil, err
	}
	return c.onLoop(r, func(ctx context.Context) error {
		c.Progress.Current = step.Number
		c.save()
		c.watchCurrent(ctx)
		return nil
	})
}

func (c *Companion) step(in request) (*course.Step, error) {
	if s := c.find(in.Step); s != nil {
		return s, nil
	}
	return nil, &refusal{status: http.StatusNotFound, Err: fmt.Sprintf("there is no step %q", in.Step), Next: "go tool workshop list"}
}

// Restored is what reset and solve did, or would do, in words.
type Restored struct {
	Asks    bool     `json:"asks"`              // nothing was done yet: it is to be confirmed
	Lines   []string `json:"lines"`             // what happens, or happened
	Command string   `json:"command,omitempty"` // that does the same, or brings the files back, in a terminal
}

// restore makes an action of a plan to replace the learner's files. Unless it is
// confirmed, it only says what it would do.
func (c *Companion) restore(plan func(*course.Step) (*learner.Restoration, error)) http.Handler {
	return c.action(func(r *http.Request, in request) (any, error) {
		step, err := c.step(in)
		if err != nil {
			return nil, err
		}
		var answer *Restored
		_, err = c.onLoop(r, func(ctx context.Context) (err error) {
			answer, err = c.restoreNow(ctx, step, plan, in.Confirmed)
			return err
		})
		return answer, err
	})
}

func (c *Companion) restoreNow(ctx context.Context, step *course.Step, plan func(*course.Step) (*learner.Restoration, error), confirmed bool) (*Restored, error) {
	r, err := plan(step)
	if err != nil {
		return nil, &refusal{status: http.StatusConflict, Next: "git checkout -- solutions/" + step.Name,
			Err: fmt.Sprintf("can't make step %02d anew; nothing was changed: %v", step.Number, err)}
	}
	what := contents[r.Verb]
	switch {
	case r.Empty():
		return &Restored{Lines: []string{fmt.Sprintf("Nothing to do: steps/%s already holds %s.", step.Name, what)}}, nil
	case !confirmed:
		return &Restored{Asks: true, Command: fmt.Sprintf("go tool workshop %s %02d", r.Verb, step.Number), Lines: []string{
			fmt.Sprintf("This puts %s into steps/%s.%s", what, step.Name, replaced(r.Replaced())),
			"A copy goes to .workshop/backup first. The same in a terminal:",
		}}, nil
	}
	backup, err := r.BackUp(c.Course.Root)
	if err != nil {
		return nil, &refusal{status: http.StatusConflict, Next: "go tool workshop doctor",
			Err: fmt.Sprintf("can't back up your files, so nothing was changed: %v", err)}
	}
	bringBack := ""
	if backup != "" {
		bringBack = learner.BringBack(filepath.Join(c.Course.Root, backup), c.Course.Root)
	}
	if err := r.Replace(); err != nil {
		return nil, &refusal{status: http.StatusConflict, Next: bringBack,
			Err: fmt.Sprintf("only a part of step %02d was replaced; the line brings your files back: %v", step.Number, err)}
	}
	answer := &Restored{Command: bringBack, Lines: []string{fmt.Sprintf("steps/%s holds %s.", step.Name, what)}}
	if len(r.Keep) > 0 {
		answer.Lines = append(answer.Lines, "Kept, since the solution hasn't it: "+strings.Join(r.Keep, ", ")+".")
	}
	if bringBack != "" {
		answer.Lines = append(answer.Lines, "This line brings your files back:")
	}
	if step == c.place.step {
		c.follow(ctx) // its folder may be a new one
		c.run(ctx)
	}
	return answer, nil
}

// contents are what each verb puts into a step's folder.
var contents = map[string]string{"reset": "the files as the course hands them out", "solve": "the solution"}

// replaced says which files of the learner's are replaced or moved away.
func replaced(files []string) string {
	switch len(files) {
	case 0:
		return ""
	case 1:
		return " It replaces a file of yours: " + files[0] + "."
	}
	return fmt.Sprintf(" It replaces %d files of yours: %s.", len(files), strings.Join(files, ", "))
}
