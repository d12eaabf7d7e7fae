package verify

import (
	"maps"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// promises are the tests of a module that call the contract and do nothing else, each with
// the function that it calls: the text of these is the same in every step.
func promises(dir string) (map[string]string, error) {
	tests, err := course.Tests(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, t := range tests {
		if t.Promise != "" {
			all[t.Name] = t.Promise
		}
	}
	return all, nil
}

// madeAgain are the promises of an earlier step that a later one makes, too: its own tests
// are the same.
func madeAgain(earlier, later map[string]string) map[string]string {
	again := maps.Clone(earlier)
	maps.DeleteFunc(again, func(test, promise string) bool { return later[test] != promise })
	return again
}

// exactly is a pattern for go test that matches these tests alone, "" for none.
func exactly(tests map[string]string) string {
	if len(tests) == 0 {
		return ""
	}
	return "^(" + strings.Join(slices.Sorted(maps.Keys(tests)), "|") + ")$"
}
