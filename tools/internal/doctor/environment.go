package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"example.com/boxoffice/tools/internal/environment"
)

// checkEnvironment tells what of the shell's the workshop does without. It stops nobody: what
// the learner types beside the workshop may be affected.
func (d *Doctor) checkEnvironment(context.Context) Diagnosis {
	var parts []string
	if names := namesOf(d.LeftOut, environment.Postgres); names != "" {
		parts = append(parts, names+" lead to another PostgreSQL: the workshop does without")
	}
	for _, v := range d.LeftOut {
		if v.Of == environment.Go {
			parts = append(parts, fmt.Sprintf("%s=%s: the workshop compiles and tests without it; plain `go test` doesn't. To go without it there: %s", v.Name, v.Value, v.Unset()))
		}
	}
	if name := curlsProxy(os.Getenv); name != "" {
		parts = append(parts, name+" sends curl to a proxy, which can't reach the API of `run`: export no_proxy=localhost,127.0.0.1")
	}
	if len(parts) == 0 {
		return Diagnosis{Detail: "nothing in it changes what the tests do"}
	}
	return Diagnosis{Detail: "some of it is for other work", Note: strings.Join(parts, "\n")}
}

func namesOf(list []environment.LeftOut, owner environment.Owner) string {
	var names []string
	for _, v := range list {
		if v.Of == owner {
			names = append(names, v.Name)
		}
	}
	return strings.Join(names, ", ")
}

// curlsProxy names the variable that has curl ask a proxy for http://localhost; "" when none does
// (https://curl.se/docs/manpage.html, ENVIRONMENT).
func curlsProxy(getenv func(string) string) string {
	for _, except := range strings.FieldsFunc(getenv("no_proxy")+","+getenv("NO_PROXY"), func(r rune) bool { return r == ',' || r == ' ' }) {
		if except == "*" || except == "localhost" {
			return ""
		}
	}
	for _, name := range []string{"http_proxy", "all_proxy", "ALL_PROXY"} { // HTTP_PROXY isn't curl's
		if getenv(name) != "" {
			return name
		}
	}
	return ""
}
