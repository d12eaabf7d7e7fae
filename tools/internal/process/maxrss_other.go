//go:build !darwin

package process

// maxrssUnit is what Rusage.Maxrss counts: getrusage(2) of Linux gives KiB.
const maxrssUnit = 1024
