package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/services/postgres"
	"example.com/boxoffice/tools/internal/services/redis"
)

func newServicesCmd(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "services",
		SuggestFor: []string{"postgres", "redis", "db", "ps"},
		Short:      "Show, start and stop what the tests need",
		Long: `Show which PostgreSQL and which Redis the tests use, start and stop PostgreSQL.

Tests and commands start PostgreSQL when they need it, and it stops by itself once
nobody has used it for a while, so you seldom need this. Redis lives no longer than
the test that uses it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showServices(cmd.Context(), e, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(
		&cobra.Command{
			Use: "start", Short: "Start PostgreSQL now", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return startServices(cmd.Context(), e) },
		},
		&cobra.Command{
			Use: "stop", Short: "Stop PostgreSQL and remove its data", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return stopServices(cmd.Context(), e) },
		},
	)
	return cmd
}

func showServices(ctx context.Context, e *env, asJSON bool) error {
	status, err := postgres.CurrentStatus(ctx)
	if err != nil {
		return machineProblem(ctx, "can't tell how PostgreSQL is", err)
	}
	redis, err := redis.New().Status(ctx)
	if err != nil {
		return machineProblem(ctx, "can't tell how Redis is", err)
	}
	if asJSON {
		return writeIndented(e, map[string]any{"postgres": serviceJSON(status), "redis": redisJSON(redis)})
	}
	showPostgres(e, status)
	showRedis(e, redis)
	return nil
}

func showPostgres(e *env, status postgres.Status) {
	if !status.Running {
		fmt.Fprintln(e.stdout, "PostgreSQL   not running; it starts by itself when tests need it\n             now: go tool workshop services start")
		return
	}
	fmt.Fprintf(e.stdout, "PostgreSQL   %s (%s)\n", status.Version, status.Origin)
	if status.External {
		fmt.Fprintf(e.stdout, "             not ours: it is started and stopped elsewhere\n")
		return
	}
	fmt.Fprintf(e.stdout, "             running since %s, %s; stops after %v without a user\n",
		status.Started.Format(time.TimeOnly), count(status.Connections, "connection", "connections"), status.Idle)
	fmt.Fprintf(e.stdout, "             look inside: psql '%s'\n", status.URL)
	fmt.Fprintf(e.stdout, "             its log: %s/log\n             stop it: go tool workshop services stop\n", status.Folder)
}

func showRedis(e *env, status redis.Status) {
	fmt.Fprintf(e.stdout, "Redis        %s\n", status)
	switch status.Kind {
	case redis.External:
		fmt.Fprintln(e.stdout, "             not ours: tests take databases of it that are empty, and leave them so")
	case redis.Private:
		fmt.Fprintln(e.stdout, "             one for each test, from its first connection to its end")
	case redis.StandIn:
		fmt.Fprintf(e.stdout, "             that will do; for the real one: %s\n", status.Install)
	}
}

// redisJSON has the keys that --json promises.
func redisJSON(s redis.Status) map[string]any {
	return map[string]any{
		"kind":    s.Kind,
		"version": s.Version,
		"origin":  s.Origin,
		"reason":  s.Reason,
		"install": s.Install,
	}
}

// serviceJSON has the keys that --json promises.
func serviceJSON(s postgres.Status) map[string]any {
	return map[string]any{
		"running":       s.Running,
		"external":      s.External,
		"in_use":        s.InUse,
		"version":       s.Version,
		"origin":        s.Origin,
		"folder":        s.Folder,
		"url":           s.URL,
		"pid":           s.PID,
		"connections":   s.Connections,
		"stops_after_s": s.Idle.Seconds(),
	}
}

func startServices(ctx context.Context, e *env) error {
	say := func(line string) { fmt.Fprintln(e.stderr, line) }
	server, err := postgres.Start(ctx, postgres.Options{Progress: say})
	if err != nil {
		return machineProblem(ctx, "can't start PostgreSQL", err)
	}
	defer func() { _ = server.Close() }()
	return showServices(ctx, e, false)
}

func stopServices(ctx context.Context, e *env) error {
	err := postgres.Stop(ctx)
	if errors.Is(err, postgres.ErrInUse) {
		return &cli.Problem{What: "PostgreSQL is in use", Next: "end the tests, the watch or the run that use it, then: go tool workshop services stop"}
	}
	if err != nil {
		return machineProblem(ctx, "can't stop PostgreSQL", err)
	}
	fmt.Fprintln(e.stdout, "PostgreSQL is stopped and its data is gone. It starts by itself when tests need it.")
	return nil
}
