package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/doctor"
	"example.com/boxoffice/tools/internal/environment"
)

func newDoctorCmd(e *env) *cobra.Command {
	var cold bool
	cmd := &cobra.Command{
		Use:        "doctor",
		SuggestFor: []string{"diagnose", "setup", "install", "info"},
		Short:      "Check this machine, and make it ready to work without a network",
		Long: `Check what the workshop needs of this machine, and say how to get what is missing.
Then compile every step, so that nothing has to be downloaded later: do this
before you go where the network is bad.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.Course()
			if err != nil {
				return err
			}
			return e.examine(cmd.Context(), e.checkups(c, !cold))
		},
	}
	cmd.Flags().BoolVar(&cold, "no-warm", false, "check alone; don't download, compile and test")
	return cmd
}

// checkups are what the doctor looks at; warm asks for what takes minutes too.
func (e *env) checkups(c *course.Course, warm bool) []doctor.Checkup {
	d := &doctor.Doctor{Course: c, LeftOut: environment.All(), Say: func(line string) { fmt.Fprintf(e.stderr, "      %s\n", line) }}
	list := d.Checkups()
	if warm {
		var programs []doctor.Tool
		for _, t := range tools {
			programs = append(programs, doctor.Tool{Path: t.path, What: t.what, Compile: func(ctx context.Context) error {
				_, err := e.compileTool(ctx, c.Root, t.path)
				return err
			}})
		}
		list = append(list, d.OfflineWork(programs), d.TryTest())
	}
	return list
}

// examine runs all checks, whatever the earlier ones said.
func (e *env) examine(ctx context.Context, checkups []doctor.Checkup) error {
	ill := 0
	for _, c := range checkups {
		found := c.Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if found.Err != nil {
			ill++
		}
		e.tellDiagnosis(c.Name, found)
	}
	if ill > 0 {
		return &cli.Problem{What: count(ill, "check", "checks") + " failed", Next: "mend what is marked FAIL above, then: go tool workshop doctor"}
	}
	fmt.Fprintln(e.stdout, "\nThis machine is ready. Next: go tool workshop")
	return nil
}

func (e *env) tellDiagnosis(name string, d doctor.Diagnosis) {
	switch {
	case d.Err != nil:
		fmt.Fprintf(e.stdout, "FAIL  %-14s %s\n", name, hang(d.Err.Error()))
		if d.Next != "" {
			fmt.Fprintf(e.stdout, "      %-14s next: %s\n", "", hang(d.Next))
		}
	case d.Note != "":
		fmt.Fprintf(e.stdout, "note  %-14s %s\n%21s%s\n", name, d.Detail, "", hang(d.Note))
	default:
		fmt.Fprintf(e.stdout, "ok    %-14s %s\n", name, d.Detail)
	}
}

// hang indents the lines after the first under the first.
func hang(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", 21))
}
