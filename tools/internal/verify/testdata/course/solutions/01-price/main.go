// Command boxoffice prices orders.
package main

import (
	_ "embed"
	"fmt"
)

//go:embed migrations/00001_init.sql
var schema string

func main() { fmt.Println(total(2, 1500), len(schema)) }

// region total

// total is what an order costs, in cents.
func total(quantity, cents int) int {
	return quantity * cents
}

// endregion
