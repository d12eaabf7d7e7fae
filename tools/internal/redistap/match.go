package redistap

import (
	"slices"
	"strings"
)

// Match chooses commands, for gates.
type Match func(Command) bool

// Any matches every command that [Stats] counts.
func Any(Command) bool { return true }

// Named matches commands by their name: Named("GET", "MGET").
func Named(names ...string) Match {
	return func(c Command) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, c.Name()) })
	}
}

// KeyHas matches commands one of whose keys contains the part.
func KeyHas(part string) Match {
	return func(c Command) bool {
		return slices.ContainsFunc(c.Keys(), func(key string) bool { return strings.Contains(key, part) })
	}
}
