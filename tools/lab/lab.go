// Package lab starts your API as real processes and measures it from outside,
// at its wires.
//
// A test reads like the lesson that it belongs to:
//
//	app := lab.Start(t)
//	token := app.LogIn(lab.Buyer)
//	before := app.Postgres.Stats()
//	app.Do(lab.GET("/me/orders").As(token)).Expect(200, "a buyer looks at their orders")
//	queries := app.Postgres.Stats().Since(before).Queries
//
// The lab knows nothing of how your API is written. It sees requests and
// answers, the statements that cross the wire to PostgreSQL, the mails that
// arrive, the log lines and the memory. So you may restructure everything, use
// another library, or solve a step in a way that nobody thought of.
//
// Each test has a database of its own, cloned from one with 500 venues, 20,000
// events, 5,000 users and 100,000 orders.
package lab

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"example.com/boxoffice/tools/internal/services/postgres"
)

// asAPI is the environment variable that tells the test binary to be the API.
const asAPI = "BOXOFFICE_LAB_API"

// Main runs the tests, or the API. TestMain hands the step's main function to
// it, and the lab runs the test binary again for each instance of the API: no
// second build, and build flags apply to both.
//
// A package without an API passes nil and may use [NewDatabase]. An API with a
// worker says so: lab.Main(m, main, lab.Worker("work")).
func Main(m *testing.M, app func(), settings ...Setting) {
	postgres.RunIfSupervisor()
	for _, set := range settings {
		set()
	}
	if command := os.Getenv(asAPI); command != "" {
		runAPI(command, app)
	}
	raiseParallel()
	code := m.Run()
	shared.close()
	os.Exit(code)
}

// sideBySide is how many parallel tests run at once at least. The API of each runs
// in a process of its own, and a test waits more than it computes.
const sideBySide = 4

// raiseParallel raises the default of go test's -parallel, which is the number of
// cores. A -parallel on the command line still counts.
func raiseParallel() {
	if runtime.GOMAXPROCS(0) < sideBySide {
		_ = flag.Set("test.parallel", strconv.Itoa(sideBySide))
	}
}

// runAPI turns this process into the API, run as `boxoffice COMMAND`. What ends it when
// the test that started it is gone is internal/process.
func runAPI(command string, app func()) {
	_ = os.Unsetenv(asAPI)
	os.Args = []string{"boxoffice", command}
	app()
	os.Exit(0)
}

// Task says which task of the step a test belongs to. A test that names no task
// is a guard: it holds from the start, and must still hold when you are done.
func Task(t *testing.T, number int) {
	t.Helper()
	t.Attr("task", strconv.Itoa(number))
}
