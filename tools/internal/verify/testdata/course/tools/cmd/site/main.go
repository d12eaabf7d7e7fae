// Command site finds what the file site/findings says.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "check" {
		os.Exit(2)
	}
	if found, err := os.ReadFile("site/findings"); err == nil {
		fmt.Fprintf(os.Stderr, "%s", found)
		os.Exit(1)
	}
}
