package course

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// Files are all regular files below dir that belong to a module, as paths relative to
// dir, with slashes, in lexical order. Left out are hidden files and folders, binaries
// and profiles that go leaves (*.test, *.out, *.prof, and the command that `go build`
// names after the folder), and what lies in wrong-answers, right-answers and beside them:
// a solution's starter.patch, mutants.txt and mutants.json.
func Files(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if rel != "." && excluded(dir, rel, d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", dir, err)
	}
	return files, nil
}

// Belongs reports whether Files lists a file, by the name of the step's folder and the
// file's path inside it, with slashes.
func Belongs(folder, rel string) bool {
	parts := strings.Split(rel, "/")
	for i := range parts {
		if foreign(folder, strings.Join(parts[:i+1], "/"), i < len(parts)-1) {
			return false
		}
	}
	return true
}

func excluded(dir, rel string, d fs.DirEntry) bool {
	return foreign(filepath.Base(dir), filepath.ToSlash(rel), d.IsDir())
}

// foreign reports whether a file or a folder in a step's folder is no part of the module.
func foreign(folder, rel string, isDir bool) bool {
	switch rel {
	case "wrong-answers", "right-answers", StarterFile, "mutants.txt", "mutants.json", folder:
		return true
	}
	if strings.HasPrefix(path.Base(rel), ".") {
		return true
	}
	switch path.Ext(rel) {
	case ".test", ".out", ".prof":
		return !isDir
	}
	return false
}
