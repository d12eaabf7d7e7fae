// Command boxoffice prices orders.
package main

import (
	_ "embed"
	"fmt"

	"example.com/boxoffice/steps/02-limit/limit"
)

//go:embed migrations/00001_init.sql
var schema string

func main() { fmt.Println(total(2, 1500), allowed(2), len(schema)) }

// total is what an order costs, in cents.
func total(quantity, cents int) int {
	return quantity * cents
}

func allowed(quantity int) bool { return limit.Allowed(quantity) }
