package verify

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVulnerablePackages(t *testing.T) {
	found, err := readVulnerable(strings.NewReader(`
{"config":{"scanner_name":"govulncheck"}}
{"finding":{"osv":"GO-1","fixed_version":"v0.62.0","trace":[{"module":"golang.org/x/net"}]}}
{"finding":{"osv":"GO-2","fixed_version":"v1.26.9","trace":[{"module":"stdlib","package":"net/http"}]}}
{"finding":{"osv":"GO-3","fixed_version":"v1.26.10","trace":[{"module":"stdlib","package":"crypto/x509"}]}}
{"finding":{"osv":"GO-4","fixed_version":"v0.59.1","trace":[{"module":"github.com/quic-go/quic-go","package":"github.com/quic-go/quic-go/http3"}]}}
`))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"GO-4": "v0.59.1"}, found.ofModules, "a module of which no vulnerable package is imported is none")
	require.Len(t, found.ofGo, 2)
	require.Equal(t, "Go 1.26.10", found.mendedIn())
	require.False(t, found.onlyGo("=== Symbol Results ===\n\nVulnerability #1: GO-4\n"))
	require.True(t, found.onlyGo("=== Symbol Results ===\n\nVulnerability #1: GO-2\n"))

	_, err = readVulnerable(strings.NewReader("govulncheck: no such file"))
	require.Error(t, err)
}
