// Package number adds.
package number

// region Add

// Add is the sum.
func Add(a, b int) int {
	return 0 // TODO(task 2): mind the sign
}

// endregion
