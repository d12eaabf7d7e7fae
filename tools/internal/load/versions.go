package load

import (
	"context"
	"runtime"
	"strings"

	"example.com/boxoffice/tools/internal/backing"
)

// versions names what took part: "Go 1.26.8, PostgreSQL 17.6, Redis 7.0.15".
func versions(ctx context.Context, servers *backing.Servers) string {
	return "Go " + strings.TrimPrefix(runtime.Version(), "go") + ", " + servers.Versions(ctx)
}
