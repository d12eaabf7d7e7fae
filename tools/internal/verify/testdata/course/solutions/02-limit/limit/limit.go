// Package limit holds the rules of an order.
package limit

// Allowed reports that an order may have that many tickets.
func Allowed(quantity int) bool {
	return quantity > 0 && quantity <= 8
}
