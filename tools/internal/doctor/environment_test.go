package doctor

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/environment"
)

func TestWhatIsLeftOutIsTold(t *testing.T) {
	for _, name := range []string{"http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"} {
		t.Setenv(name, "")
	}
	require.Equal(t, Diagnosis{Detail: "nothing in it changes what the tests do"}, (&Doctor{}).checkEnvironment(t.Context()))
	d := &Doctor{LeftOut: []environment.LeftOut{
		{Name: "GOFLAGS", Value: "-mod=mod", Of: environment.Go},
		{Name: "GOWORK", Value: "off", Of: environment.Go, Saved: true},
		{Name: "PGPORT", Of: environment.Postgres}, {Name: "PGSERVICE", Of: environment.Postgres},
	}}
	found := d.checkEnvironment(t.Context())
	require.NoError(t, found.Err, "it stops nobody")
	require.Contains(t, found.Note, "PGPORT, PGSERVICE lead to another PostgreSQL")
	require.Contains(t, found.Note, "GOFLAGS=-mod=mod: the workshop compiles and tests without it")
	require.Contains(t, found.Note, "unset GOFLAGS")
	require.Contains(t, found.Note, "go env -u GOWORK")
}

func TestCurlsProxyIsNoticed(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{}, ""},
		{map[string]string{"http_proxy": "http://proxy:3128"}, "http_proxy"},
		{map[string]string{"ALL_PROXY": "socks5://proxy"}, "ALL_PROXY"},
		{map[string]string{"HTTP_PROXY": "http://proxy:3128"}, ""},
		{map[string]string{"http_proxy": "http://proxy:3128", "no_proxy": "localhost,127.0.0.1"}, ""},
		{map[string]string{"http_proxy": "http://proxy:3128", "NO_PROXY": "*"}, ""},
		{map[string]string{"http_proxy": "http://proxy:3128", "no_proxy": "example.com"}, "http_proxy"},
	} {
		require.Equal(t, c.want, curlsProxy(func(name string) string { return c.env[name] }), c.env)
	}
}

func TestDoctorRunsATestAndTellsWhyItFails(t *testing.T) {
	c := coursetest.New(t)
	d := &Doctor{Course: c, Say: func(string) {}}
	found := d.tryTest(t.Context())
	require.NoError(t, found.Err)
	require.Regexp(t, `^TestZero passes on the solution of step 01 \(\d+\.\d s\)$`, found.Detail)
	for text, want := range map[string]string{
		"package main\n\nimport \"testing\"\n\nfunc TestZero(t *testing.T) { t.Fatal(\"no database\") }\n":                           "TestZero fails on the solution of step 01: main_test.go:5: no database",
		"package main\n\nimport \"testing\"\n\nfunc TestMain(*testing.M) { panic(\"no socket\") }\n\nfunc TestZero(*testing.T) {}\n": "the tests of step 01 ended early: panic: no socket",
		"package main\n\nimport \"testing\"\n\nfunc TestZero(*testing.T) { x() }\n":                                                  "the tests of step 01 can't be built: main_test.go:5",
	} {
		coursetest.Write(t, filepath.Join(c.Steps[0].SolutionDir, "main_test.go"), text)
		found := d.tryTest(t.Context())
		require.ErrorContains(t, found.Err, want)
		require.Contains(t, found.Next, "go tool workshop test 01 --solution")
	}
}
