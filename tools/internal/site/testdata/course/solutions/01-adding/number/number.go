// Package number adds.
package number

// region Add

// Add is the sum.
func Add(a, b int) int {
	return a + b
}

// endregion
