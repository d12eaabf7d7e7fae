package site

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// marker stands in a folder that Build has written. It names the files that Build wrote
// there, a line each: those alone may be replaced or removed.
const marker = ".boxoffice-site"

// Build checks the site and writes it into dir, which is made. Of an earlier Build it
// removes the files that are no longer part of the site; what others put there stays.
// Links are relative: the folder works on any server, and without one.
// The error is content.Findings when something is wrong with the course; nothing is written then.
func (s *Site) Build(dir string) error {
	pages, found := s.renderAll()
	if len(found) > 0 {
		return found
	}
	files := map[string][]byte{}
	for _, p := range pages {
		files[p.path] = p.html
	}
	names, err := s.assets()
	if err != nil {
		return fmt.Errorf("list the assets: %w", err)
	}
	for _, name := range names {
		if files["assets/"+name], err = s.Asset(name); err != nil {
			return fmt.Errorf("read an asset: %w", err)
		}
	}
	if files[indexName], err = s.SearchIndex(); err != nil {
		return err
	}
	earlier, err := written(dir)
	if err != nil {
		return err
	}
	if err := foreign(dir, files, earlier); err != nil {
		return err
	}
	if err := write(dir, map[string][]byte{marker: listing(files, earlier)}); err != nil {
		return err
	}
	if err := write(dir, files); err != nil {
		return err
	}
	return drop(dir, earlier, files)
}

// written are the files of an earlier Build in a folder. It fails for a folder that holds
// something and where no Build has been.
func written(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into the folder for the site: %w", err)
	}
	list, err := os.ReadFile(filepath.Join(dir, marker))
	if err != nil {
		return nil, fmt.Errorf("%s isn't empty, and no site was built there: choose another folder, or empty it", dir)
	}
	return slices.DeleteFunc(strings.Split(string(list), "\n"), func(name string) bool { return !filepath.IsLocal(name) }), nil
}

// foreign fails when somebody else put a file where this Build would write one.
func foreign(dir string, files map[string][]byte, earlier []string) error {
	for name := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Lstat(path); err == nil && !slices.Contains(earlier, name) {
			return fmt.Errorf("%s is there, and no build of the site wrote it: move it away, or choose another folder", path)
		}
	}
	return nil
}

// listing is the marker's content: what is about to be written, and what was written
// before and may still be there should this Build be interrupted.
func listing(files map[string][]byte, earlier []string) []byte {
	names := slices.Concat(slices.Collect(maps.Keys(files)), earlier)
	slices.Sort(names)
	return []byte(strings.Join(slices.Compact(names), "\n") + "\n")
}

// drop removes what an earlier Build wrote and this one didn't, and names in the marker
// what is left.
func drop(dir string, earlier []string, files map[string][]byte) error {
	for _, name := range earlier {
		if _, stays := files[name]; stays {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove a page that is no more: %w", err)
		}
	}
	return write(dir, map[string][]byte{marker: listing(files, nil)})
}

func write(dir string, files map[string][]byte) error {
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write the site: %w", err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write the site: %w", err)
		}
	}
	return nil
}
