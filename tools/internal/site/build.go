package site

import (
	"fmt"
	"os"
	"path/filepath"
)

// marker stands in a folder that Build has written, and may empty.
const marker = ".boxoffice-site"

// Build checks the site and writes it into dir, which is made, or emptied when an earlier
// Build wrote it. Links are relative: the folder works on any server, and without one.
// The error is Findings when something is wrong with the course; nothing is written then.
func (s *Site) Build(dir string) error {
	pages, found := s.renderAll()
	if len(found) > 0 {
		return found
	}
	files := map[string][]byte{marker: nil}
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
	if err := prepare(dir); err != nil {
		return err
	}
	return write(dir, files)
}

// prepare empties a folder that an earlier Build wrote. It leaves others alone, unless
// they are empty.
func prepare(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the folder for the site: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
		return fmt.Errorf("%s isn't empty, and no site was built there: choose another folder, or empty it", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty the folder for the site: %w", err)
	}
	return nil
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
