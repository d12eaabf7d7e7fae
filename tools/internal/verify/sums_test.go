package verify

import (
	"path/filepath"
	"testing"

	"example.com/boxoffice/tools/internal/command"
)

// TestMissingChecksumsAreFound has a module that no package imports: its checksums are
// missed by nothing but looking, and by go mod download. It comes from a proxy in the
// fixture.
func TestMissingChecksumsAreFound(t *testing.T) {
	const (
		ofFile = "example.com/dep v0.1.0/go.mod h1:"
		ofAll  = "example.com/dep v0.1.0 h1:"
	)
	f := newFixture(t)
	f.write("proxy/example.com/dep/@v/v0.1.0.mod", "module example.com/dep\n")
	f.write("proxy/example.com/dep/@v/v0.1.0.info", `{"Version": "v0.1.0"}`)
	t.Setenv("GOPROXY", "file://"+filepath.Join(f.dir, "proxy"))
	t.Setenv("GONOSUMDB", "example.com/dep")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // so that the test can remove it
	f.replace("tools/go.mod", "go 1.26.0", "go 1.26.0\n\nrequire example.com/dep v0.1.0")

	report := f.verify(Options{Only: []string{"clean-sums"}})
	expect(t, report, "clean-sums", "go.work.sum: go list -m all changes it", "+ "+ofFile)

	out, err := command.Place{Dir: f.dir}.Output(t.Context(), "go", "list", "-m", "all")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report = f.verify(Options{Only: []string{"clean-sums"}})
	expect(t, report, "clean-sums", "go.work.sum: go mod download adds the checksums of 1 modules", "example.com/dep v0.1.0")

	f.replace("go.work.sum", ofFile, ofAll+"anything=\n"+ofFile)
	if report = f.verify(Options{Only: []string{"clean-sums"}}); report.Summary() != "1 passed, 0 failed" {
		expect(t, report, "no finding")
	}
}

// TestSumsAreSkippedWithoutANetwork: what can't be had is no fault of the course's.
func TestSumsAreSkippedWithoutANetwork(t *testing.T) {
	f := newFixture(t)
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw")
	f.replace("tools/go.mod", "go 1.26.0", "go 1.26.0\n\nrequire example.com/dep v0.1.0")
	f.write("tools/lab/x.go", "package lab\n\nimport _ \"example.com/dep\"\n")
	for _, v := range f.verify(Options{Only: []string{"tidy", "clean-sums"}}).Results {
		if v.Outcome == Failed || v.Outcome != Skipped && v.Subject == "tools" {
			t.Errorf("%s has %s: %q", v.Name(), v.Outcome, v.Findings)
		}
	}
}
