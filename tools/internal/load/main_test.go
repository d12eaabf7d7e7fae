package load

import (
	"fmt"
	"os"
	"testing"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver

	"example.com/boxoffice/tools/internal/guard"
	"example.com/boxoffice/tools/internal/load/bare"
	"example.com/boxoffice/tools/internal/services"
)

// This test binary is the API that is measured, too: as the smallest handlers, as one that
// migrates, and as one that doesn't come up.
func TestMain(m *testing.M) {
	services.RunIfSupervisor()
	guard.RunIfGuard()
	bare.RunIfBare()
	if len(os.Args) == 2 && os.Args[1] == "migrate" {
		if err := migrate(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "broken" {
		fmt.Println("no such table: tickets")
		os.Exit(7)
	}
	os.Exit(m.Run())
}

func migrate() error {
	schema, err := os.ReadFile(os.Getenv("SCHEMA"))
	if err != nil {
		return err
	}
	db, err := sqlx.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.Exec(string(schema))
	return err
}
