// Command workshop starts, tests and explains the Boxoffice steps.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"example.com/boxoffice/tools/internal/services"
)

func main() {
	services.RunIfSupervisor()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRootCmd(newEnv()).ExecuteContext(ctx)
	stop()
	report(os.Stderr, err)
	os.Exit(exitCode(err))
}

// report prints what a command returned, unless it has said it already.
func report(w io.Writer, err error) {
	switch {
	case err == nil || errors.Is(err, errRed):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "workshop: interrupted; nothing was lost")
	default:
		fmt.Fprintf(w, "workshop: %v\n", err)
	}
}
