package main

import (
	"testing"

	"example.com/boxoffice/tools/lab"
)

// The lab runs main again for each instance of the API that a test starts, and as
// `boxoffice work` for its worker.
func TestMain(m *testing.M) { lab.Main(m, main, lab.Worker("work"), lab.NoSecretsInLogs) }
