// Command measure puts load on the APIs of a step and compares them. It is apart from the
// command workshop, which must not compile what makes load.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/guard"
	"example.com/boxoffice/tools/internal/load/bare"
	"example.com/boxoffice/tools/internal/services"
)

func main() {
	services.RunIfSupervisor()
	guard.RunIfGuard()
	bare.RunIfBare()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRootCmd().ExecuteContext(ctx)
	stop()
	cli.Report(os.Stderr, err)
	os.Exit(cli.ExitCode(err))
}
