package backing

import (
	"context"
	"database/sql"
	"fmt"

	"example.com/boxoffice/tools/internal/services/postgres"
	"example.com/boxoffice/tools/internal/services/redis"
)

// TryPostgres does with PostgreSQL what each test does: it starts the server or joins it, makes a
// database and asks it something through a tap. Progress is told what a slow start is doing; it may
// be nil.
func TryPostgres(ctx context.Context, progress func(line string)) (version, origin string, err error) {
	server, err := postgres.Start(ctx, postgres.Options{Progress: progress})
	if err != nil {
		return "", "", err
	}
	defer func() { _ = server.Close() }()
	own, err := (&Servers{postgres: server}).AttachEmpty(ctx)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = own.Close(context.WithoutCancel(ctx)) }()
	db, err := sql.Open("postgres", own.list[0].Address)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, "SELECT 1"); err != nil {
		return "", "", fmt.Errorf("ask PostgreSQL through a tap, as the API of a test does: %w", err)
	}
	return server.Version(), server.Origin(), nil
}

// TryRedis does with Redis what each test does that needs one: it starts a server or takes a
// database, and asks it something. What it returns says which Redis that was.
func TryRedis(ctx context.Context) (redis.Status, error) {
	source := redis.New()
	keyspace, err := source.Open(ctx)
	if err != nil {
		return redis.Status{}, err
	}
	defer func() { _ = keyspace.Close(context.WithoutCancel(ctx)) }()
	client, err := keyspace.Connect(ctx)
	if err != nil {
		return redis.Status{}, err
	}
	defer func() { _ = client.Close() }()
	if _, err := client.Do("PING"); err != nil {
		return redis.Status{}, fmt.Errorf("ask Redis: %w", err)
	}
	return source.Status(ctx)
}
