package mutation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/runner"
)

// Outcome is what became of a mutant.
type Outcome struct {
	*Mutant
	Killed  bool
	By      string // the test that told it from the solution
	Late    bool   // the test didn't end in time
	Reached int    // how many tests reach the changed place
	Seconds float64
}

// Trial asks the tests of a step about mutants.
type Trial struct {
	Step   *course.Step
	Module *Module
	Dir    string // for what is built; it must be on one file system, and empty
	Jobs   int    // tests at a time
	CPU    *command.CPU
	// Tell is told of each outcome, from one goroutine at a time; may be nil.
	Tell func(done, total int, o Outcome)

	binaries map[string]string // by the folder of a package with tests
	tests    []*test
	mu       sync.Mutex
	killers  map[string]map[*test]int // by what they killed mutants of
}

// test is a test of the step, and what it does to the solution.
type test struct {
	course.Test
	folder string // of its package, "" for the module's root
	places map[int]bool
	took   time.Duration
}

// Run builds the mutants into one binary, looks which tests reach them, and asks those.
func (t *Trial) Run(ctx context.Context, list []*Mutant) ([]Outcome, error) {
	if err := t.build(ctx, list); err != nil {
		return nil, err
	}
	if err := t.trace(ctx); err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(list))
	t.killers = map[string]map[*test]int{}
	done := 0
	err := t.sideBySide(ctx, len(list), func(ctx context.Context, i int) error {
		o, err := t.try(ctx, list[i])
		if err != nil {
			return err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		outcomes[i] = o
		done++
		if t.Tell != nil {
			t.Tell(done, len(list), o)
		}
		return nil
	})
	return outcomes, err
}

// sideBySide does n things, as many at a time as there are jobs, until one fails.
func (t *Trial) sideBySide(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range max(t.Jobs, 1) {
		all.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}

// build compiles the tests of each package that has some.
func (t *Trial) build(ctx context.Context, list []*Mutant) error {
	tests, err := course.Tests(t.Module.Dir)
	if err != nil {
		return err
	}
	overlay, err := t.Module.weave(filepath.Join(t.Dir, "woven"), list)
	if err != nil {
		return err
	}
	flag, remove, err := command.OverlayFlag(t.Dir, overlay)
	if err != nil {
		return err
	}
	defer remove()
	t.binaries = map[string]string{}
	place := command.Place{Dir: t.Module.Dir, Env: []string{"GOTMPDIR=" + t.Dir}, CPU: t.CPU}
	for _, one := range tests {
		folder := strings.TrimPrefix(path.Dir(one.File), ".")
		t.tests = append(t.tests, &test{Test: one, folder: folder})
		if t.binaries[folder] != "" {
			continue
		}
		binary := filepath.Join(t.Dir, fmt.Sprintf("built%d", len(t.binaries)))
		out, err := place.Run(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-w", flag, "-o", binary, "./"+folder)
		if err != nil {
			return fmt.Errorf("compile the mutants into one binary: %s", command.FirstOf(out, err))
		}
		t.binaries[folder] = binary
	}
	return nil
}

// trace runs each test by itself on the solution as it is, and notes what it reaches.
func (t *Trial) trace(ctx context.Context) error {
	return t.sideBySide(ctx, len(t.tests), func(ctx context.Context, i int) error {
		one := t.tests[i]
		name := fmt.Sprintf("%s.%d.test", original, i)
		began := time.Now()
		result, err := t.run(ctx, name, []*test{one}, runner.DefaultTimeout)
		if err != nil {
			return err
		}
		if failure := failed(result); failure != "" {
			return fmt.Errorf("%s is red on the solution as it is, so it says nothing of a change\n%s", one.Name, failure)
		}
		one.took = time.Since(began)
		places, err := os.ReadFile(filepath.Join(t.Dir, name+reached))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		one.places = placeNumbers(string(places))
		return nil
	})
}

// failed is what the first test said that failed, or what ended the run; "" when all is
// well.
func failed(r *runner.Result) string {
	if r.Build != "" || r.Panic != "" {
		return cmp.Or(r.Build, r.Panic)
	}
	for _, one := range r.Tests {
		if one.Status == runner.Failed || one.Status == runner.Unfinished {
			return cmp.Or(one.Output, one.Status.String())
		}
	}
	return ""
}

// run runs tests of one package in the binary of a name.
func (t *Trial) run(ctx context.Context, name string, tests []*test, limit time.Duration) (*runner.Result, error) {
	folder := tests[0].folder
	binary := filepath.Join(t.Dir, name)
	if err := os.Link(t.binaries[folder], binary); err != nil {
		return nil, fmt.Errorf("name the binary after the mutant: %w", err)
	}
	defer os.Remove(binary)
	var names []string
	for _, one := range tests {
		names = append(names, regexp.QuoteMeta(one.Name))
	}
	result, err := runner.Run(ctx, runner.Options{
		Step: t.Step, Solution: true, Binary: binary, Folder: folder, FailFast: true, Timeout: limit,
		Run: "^(" + strings.Join(names, "|") + ")$",
	}, nil)
	if err == nil && t.CPU != nil {
		t.CPU.Add(result.CPU)
	}
	return result, err
}

// The time that tests of a mutant have: several times what they took without.
const (
	patience = 15 * time.Second
	times    = 4
)

// try asks the tests that reach a mutant, the likeliest to tell first. A test has to be red
// twice: once may be chance, or the load that others make.
func (t *Trial) try(ctx context.Context, m *Mutant) (Outcome, error) {
	began := time.Now()
	tests := t.reaching(m)
	o := Outcome{Mutant: m, Reached: len(tests)}
	for _, some := range batches(tests) {
		for len(some) > 0 && !o.Killed {
			red, _, err := t.ask(ctx, m, some)
			if err != nil {
				return o, err
			}
			if red == nil {
				break
			}
			again, late, err := t.ask(ctx, m, []*test{red})
			if err != nil {
				return o, err
			}
			if again != nil {
				o.Killed, o.Late, o.By = true, late, red.Name
				t.note(m, red)
			}
			some = slices.DeleteFunc(slices.Clone(some), func(one *test) bool { return one == red })
		}
		if o.Killed {
			break
		}
	}
	o.Seconds = time.Since(began).Seconds()
	return o, nil
}

// ask runs tests on a mutant until one is red, and returns that; late says that it didn't
// end in time.
func (t *Trial) ask(ctx context.Context, m *Mutant, some []*test) (red *test, late bool, err error) {
	limit := patience
	for _, one := range some {
		limit += times * one.took
	}
	result, err := t.run(ctx, nameOf(m.Number), some, limit)
	if err != nil || failed(result) == "" {
		return nil, false, err
	}
	late = strings.Contains(result.Panic, "test timed out") || strings.Contains(result.Panic, "were killed")
	red = some[0]
	for _, r := range result.Tests {
		i := slices.IndexFunc(some, func(one *test) bool { return one.Name == r.Name })
		if i >= 0 && (r.Status == runner.Failed || r.Status == runner.Unfinished) {
			red = some[i]
			if r.Status == runner.Failed {
				break
			}
		}
	}
	return red, late, nil
}

// note has a test that killed a mutant be asked sooner about the next one there.
func (t *Trial) note(m *Mutant, by *test) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := m.File + " " + m.In
	if t.killers[of] == nil {
		t.killers[of] = map[*test]int{}
	}
	t.killers[of][by]++
}

// reaching are the tests that reach a mutant, in the order in which they are asked: those
// first that killed others in the same function, then those that reach little else.
func (t *Trial) reaching(m *Mutant) []*test {
	t.mu.Lock()
	defer t.mu.Unlock()
	here := t.killers[m.File+" "+m.In]
	var list []*test
	for _, one := range t.tests {
		if m.place == 0 || one.places[m.place] {
			list = append(list, one)
		}
	}
	slices.SortStableFunc(list, func(a, b *test) int {
		return cmp.Or(cmp.Compare(here[b], here[a]), cmp.Compare(len(a.places), len(b.places)), cmp.Compare(a.took, b.took))
	})
	return list
}

// batches are tests that run in one process: at first one, then a few, then all others. A
// process runs tests of one package.
func batches(tests []*test) [][]*test {
	var list [][]*test
	for size, i := 1, 0; i < len(tests); size *= 4 {
		byFolder := map[string][]*test{}
		var folders []string
		next := min(i+size, len(tests))
		if size > 4 {
			next = len(tests)
		}
		for ; i < next; i++ {
			folder := tests[i].folder
			if byFolder[folder] == nil {
				folders = append(folders, folder)
			}
			byFolder[folder] = append(byFolder[folder], tests[i])
		}
		for _, folder := range folders {
			list = append(list, byFolder[folder])
		}
	}
	return list
}

// Fate is what became of a mutant, in words.
func (o Outcome) Fate() string {
	switch {
	case o.Killed && o.Late:
		return "killed by " + o.By + ", which didn't end"
	case o.Killed:
		return "killed by " + o.By
	case o.Reached == 0:
		return "reached by no test"
	}
	return fmt.Sprintf("survived %d tests", o.Reached)
}

// String is a line on a mutant and what became of it.
func (o Outcome) String() string {
	return fmt.Sprintf("%s:%d %s: %s: %s", o.File, o.Line, o.In, o.Operator, o.Fate())
}
