package cli

import "path/filepath"

// Relative names a file as seen from a folder; as it is where there is no way from one to the other.
func Relative(cwd, path string) string {
	real, err := filepath.EvalSymlinks(cwd)
	if err != nil {
		real = cwd
	}
	rel, err := filepath.Rel(real, path)
	if err != nil {
		return path
	}
	return rel
}
