// Command measure puts load on the APIs of a step and compares them. It is apart from the
// command workshop, which must not compile what makes load.
package main

import (
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/load/ceiling"
	"example.com/boxoffice/tools/internal/services/postgres"
)

func main() {
	postgres.RunIfSupervisor()
	ceiling.RunIfCeiling()
	cli.Main(newRootCmd())
}
