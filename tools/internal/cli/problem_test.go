package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
)

func TestExitCodes(t *testing.T) {
	for code, err := range map[int]error{
		ExitFine: nil, ExitRed: ErrRed, ExitUsage: Usage(errors.New("x"), ""), ExitMachine: &Problem{What: "x"}, ExitInterrupted: context.Canceled,
	} {
		assert.Equal(t, code, ExitCode(err))
		assert.Equal(t, code, ExitCode(wrapped(err)))
	}
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("while trying: %w", err)
}

func TestReportSaysEachErrorOnce(t *testing.T) {
	for want, err := range map[string]error{
		"": ErrRed,
		"workshop: interrupted; nothing was lost\n":    context.Canceled,
		"workshop: no go: not found\n  next: get it\n": &Problem{What: "no go", Why: errors.New("not found"), Next: "get it"},
	} {
		var out bytes.Buffer
		Print(&out, err)
		assert.Equal(t, want, out.String())
	}
}

func TestMistakesInACallAreExplained(t *testing.T) {
	for args, want := range map[string]string{
		"build --otu x": "there is no option --otu; did you mean --out?\n  next: go tool workshop site build --help",
		"buidl":         `there is no command "buidl"; did you mean build?` + "\n  next: go tool workshop site --help",
		"nothing":       `there is no command "nothing"` + "\n  next: go tool workshop site --help",
		"build twice":   `go tool workshop site build: unknown command "twice" for "go tool workshop site build"` + "\n  next: go tool workshop site build --help",
	} {
		root := &cobra.Command{Use: "site", Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "go tool workshop site"}, Run: func(*cobra.Command, []string) {}}
		build := &cobra.Command{Use: "build", Args: cobra.NoArgs, Run: func(*cobra.Command, []string) {}}
		build.Flags().String("out", "", "")
		root.AddCommand(build)
		Explain(root)
		root.SetArgs(strings.Fields(args))
		err := root.Execute()
		assert.EqualError(t, err, want)
		assert.Equal(t, ExitUsage, ExitCode(err))
	}
}
