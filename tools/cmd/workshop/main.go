// Command workshop starts, tests and explains the Boxoffice steps.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/guard"
	"example.com/boxoffice/tools/internal/services"
)

func main() {
	services.RunIfSupervisor()
	guard.RunIfGuard()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRootCmd(newEnv()).ExecuteContext(ctx)
	stop()
	cli.Report(os.Stderr, err)
	os.Exit(cli.ExitCode(err))
}
