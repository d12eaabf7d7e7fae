// Command site renders the lessons and guides: to static files, or to look at while they
// are written. It is apart from the command workshop, which must not compile what this one
// needs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/services"
	"example.com/boxoffice/tools/internal/site"
)

func main() {
	services.RunIfSupervisor()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRootCmd().ExecuteContext(ctx)
	stop()
	os.Exit(report(err))
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "site",
		Short:         "Render the pages of the workshop",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newBuildCmd(), newCheckCmd(), newServeCmd(), newStartCmd())
	return root
}

// report prints what a command returned, and gives the exit code.
func report(err error) int {
	var found site.Findings
	var start *startError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return 130
	case errors.As(err, &start):
		fmt.Fprintf(os.Stderr, "workshop: %v\n", err)
		return start.code
	case errors.As(err, &found):
		fmt.Fprintf(os.Stderr, "%v\n", err)
	default:
		fmt.Fprintf(os.Stderr, "site: %v\n", err)
	}
	return 1
}

// open reads the site of the course that the working folder is inside of.
func open() (*site.Site, *course.Course, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, nil, fmt.Errorf("find the working folder: %w", err)
	}
	c, err := course.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	s, err := site.Open(c)
	return s, c, err
}
