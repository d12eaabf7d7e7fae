// Command workshop starts, tests and explains the Boxoffice steps.
package main

import (
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/services/postgres"
)

func main() {
	postgres.RunIfSupervisor()
	cli.Main(newRootCmd(newEnv()))
}
