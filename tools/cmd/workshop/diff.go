package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/patch"
)

func newDiffCmd(e *env) *cobra.Command {
	var stat bool
	cmd := &cobra.Command{
		Use:   "diff [STEP]",
		Short: "Compare your code with the solution",
		Long: `Compare your code with the step's solution, without the tests: lines with - are
yours, lines with + are the solution's.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(_ *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			return e.diff(step, stat)
		},
	}
	cmd.Flags().BoolVar(&stat, "stat", false, "only say how much differs in each file")
	return cmd
}

func (e *env) diff(s *course.Step, stat bool) error {
	files, err := diffFiles(s)
	if err != nil {
		return &problem{what: "can't compare", why: err, next: fmt.Sprintf("go tool workshop reset %02d", s.Number)}
	}
	if len(files) == 0 {
		fmt.Fprintf(e.stdout, "Your code of step %02d is the solution's, letter for letter.\n", s.Number)
		return nil
	}
	st := e.style()
	for _, f := range files {
		if stat {
			fmt.Fprintln(e.stdout, f.stat(st))
		} else {
			fmt.Fprint(e.stdout, f.coloured(st))
		}
	}
	return nil
}

// fileDiff is how one file differs.
type fileDiff struct {
	name           string
	text           string
	added, removed int
	only           string // "yours" or "solution" when the file is on one side alone
}

// diffFiles compares all files but the tests, the module path being equal on both sides.
func diffFiles(s *course.Step) ([]fileDiff, error) {
	solved, err := s.Solved()
	if err != nil {
		return nil, err
	}
	names, err := course.Files(s.Dir)
	if err != nil {
		return nil, err
	}
	mine := map[string][]byte{}
	for _, name := range names {
		if mine[name], err = os.ReadFile(filepath.Join(s.Dir, filepath.FromSlash(name))); err != nil {
			return nil, err
		}
	}
	all := maps.Clone(solved)
	maps.Copy(all, mine)
	var diffs []fileDiff
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasSuffix(name, "_test.go") || string(mine[name]) == string(solved[name]) {
			continue
		}
		diffs = append(diffs, newFileDiff(s, name, mine, solved))
	}
	return diffs, nil
}

func newFileDiff(s *course.Step, name string, mine, solved map[string][]byte) fileDiff {
	f := fileDiff{name: name}
	from, to := "steps/"+s.Name+"/"+name, "solutions/"+s.Name+"/"+name
	if _, ok := mine[name]; !ok {
		f.only, from = "solution", "/dev/null"
	}
	if _, ok := solved[name]; !ok {
		f.only, to = "yours", "/dev/null"
	}
	f.text = patch.Unified(from, to, string(mine[name]), string(solved[name]))
	for i, line := range strings.Split(f.text, "\n") {
		switch {
		case i < 2:
		case strings.HasPrefix(line, "+"):
			f.added++
		case strings.HasPrefix(line, "-"):
			f.removed++
		}
	}
	return f
}

func (f fileDiff) stat(st style) string {
	note := ""
	switch f.only {
	case "yours":
		note = "  only in yours"
	case "solution":
		note = "  only in the solution"
	}
	return fmt.Sprintf("%-36s %s %s%s", f.name, st.paint(green, fmt.Sprintf("%5s", fmt.Sprintf("+%d", f.added))),
		st.paint(red, fmt.Sprintf("%5s", fmt.Sprintf("-%d", f.removed))), note)
}

func (f fileDiff) coloured(st style) string {
	var b strings.Builder
	for i, line := range strings.SplitAfter(f.text, "\n") {
		code, text := "", strings.TrimSuffix(line, "\n")
		switch {
		case i < 2:
			code = bold
		case strings.HasPrefix(line, "@@"):
			code = cyan
		case strings.HasPrefix(line, "+"):
			code = green
		case strings.HasPrefix(line, "-"):
			code = red
		}
		if code != "" {
			text = st.paint(code, text)
		}
		b.WriteString(text)
		if strings.HasSuffix(line, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
