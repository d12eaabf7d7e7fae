//go:build !linux

package machine

// availableMemory isn't asked for where no file system is in memory.
func availableMemory() (bytes uint64, known bool) { return 0, false }
