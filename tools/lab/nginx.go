package lab

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/fleet"
	"example.com/boxoffice/tools/internal/services/nginx"
)

// Proxy is something that serves nginx's configuration files: nginx itself, or a stand-in
// that does the same, as far as it goes.
type Proxy struct {
	// Name is "stand-in" or "nginx".
	Name string
}

// Proxies are the stand-in, which is always there, and nginx, which may not be:
//
//	for _, proxy := range lab.Proxies() {
//		t.Run(proxy.Name, func(t *testing.T) {
//			proxy.Require(t)
//			app := lab.Start(t, lab.Instances(3))
//			front := proxy.Front(app, "deploy/nginx.conf")
func Proxies() []Proxy { return []Proxy{{standIn}, {realNginx}} }

const (
	standIn   = "stand-in"
	realNginx = "nginx"
)

// Require skips the test where the proxy isn't installed, and says how it can be.
func (p Proxy) Require(t testing.TB) {
	t.Helper()
	if p.Name != realNginx {
		return
	}
	if _, err := nginx.Find(); err != nil {
		t.Skipf("not tried with nginx itself: %v", err)
	}
}

// Front starts the proxy before all instances, with the configuration in the file: one
// that nginx's official image would include from /etc/nginx/conf.d. The file calls the
// instances api-1:8080, api-2:8080 and so on; their addresses, and a port of the lab's
// to listen on, are put in. The path is relative to the test's folder, which is that of
// the module. A file that can't be served ends the test with a finding.
func (p Proxy) Front(a *App, path string) *Front {
	a.t.Helper()
	p.Require(a.t)
	source, err := os.ReadFile(path)
	if err != nil {
		a.t.Fatal(Finding{
			Measured: fmt.Sprintf("the proxy's configuration can't be read: %v", err),
			Expected: "a file for nginx's folder conf.d at " + path,
			Why:      "The stack before your API is built from that file.",
		}.String())
	}
	start := a.startStandIn
	if p.Name == realNginx {
		start = a.startNginx
	}
	front, err := start(string(source))
	if err != nil {
		a.t.Fatal(confFinding(path, err))
	}
	return front
}

func (a *App) startStandIn(source string) (*Front, error) {
	a.t.Helper()
	conf, err := balancer.ReadConf(source, a.hosts(), func(port string) string { return port })
	if err != nil {
		return nil, err
	}
	started, err := balancer.StartStandIn(conf)
	if unknown := new(balancer.UnknownError); errors.As(err, &unknown) {
		if _, none := nginx.Find(); none == nil {
			a.t.Skipf("line %d: %v; nginx itself tries it", unknown.Line, err)
		}
	}
	if err != nil {
		return nil, err
	}
	a.t.Cleanup(started.Close)
	return &Front{URL: started.URL, app: a, name: "the stand-in for nginx", records: started.Records, answered: func() {}}, nil
}

// nginxTries is how many ports are tried for nginx.
const nginxTries = 5

// startNginx tries another port when a program took the one that was free.
func (a *App) startNginx(source string) (front *Front, err error) {
	for range nginxTries {
		var conf *balancer.ConfError
		if front, err = a.startNginxOnce(source); err == nil || errors.As(err, &conf) {
			return front, err
		}
	}
	return nil, err
}

func (a *App) startNginxOnce(source string) (*Front, error) {
	program, err := nginx.Find()
	if err != nil {
		return nil, err
	}
	var listening lanes
	conf, err := balancer.ReadConf(source, a.hosts(), listening.listen)
	if err == nil && len(listening.addresses) == 0 {
		err = &balancer.ConfError{Line: 1, What: "there is no server that listens"}
	}
	if err != nil {
		listening.release()
		return nil, err
	}
	var said logBuffer
	started, err := balancer.StartNginx(program, conf, listening.addresses[0], &said)
	if err != nil {
		listening.release()
		return nil, err
	}
	a.t.Cleanup(func() {
		started.Close()
		listening.release()
		if a.t.Failed() && a.troubled.Load() {
			a.t.Logf("The last log lines of nginx:\n%s", indent(said.tail(logTail), "| "))
		}
	})
	return &Front{URL: started.URL, app: a, name: "nginx", records: started.Records, answered: started.Answered}, nil
}

// lanes are the lab's addresses for the ports that a configuration listens on.
type lanes struct {
	ports     []string
	addresses []string
	releases  []func()
}

func (l *lanes) listen(port string) string {
	for i, known := range l.ports {
		if known == port {
			return l.addresses[i]
		}
	}
	address, release := fleet.FreeAddress()
	l.ports, l.addresses, l.releases = append(l.ports, port), append(l.addresses, address), append(l.releases, release)
	return address
}

func (l *lanes) release() {
	for _, release := range l.releases {
		release()
	}
}

// hosts are where the instances serve, as HOST:PORT.
func (a *App) hosts() []string {
	hosts := make([]string, len(a.Instances))
	for i, instance := range a.Instances {
		hosts[i] = instance.host()
	}
	return hosts
}

// confFinding says what is wrong with a configuration file, and where.
func confFinding(path string, err error) string {
	f := Finding{
		Expected: "a file that nginx can include from its folder conf.d",
		Why:      "A proxy that doesn't start serves nobody, however many instances are behind it.",
	}
	var wrong *balancer.ConfError
	var unknown *balancer.UnknownError
	switch {
	case errors.As(err, &wrong) && wrong.Line > 0:
		f.Measured = fmt.Sprintf("%s:%d: %s", path, wrong.Line, wrong.What)
	case errors.As(err, &wrong):
		f.Measured = fmt.Sprintf("%s: %s", path, wrong.What)
	case errors.As(err, &unknown):
		_, none := nginx.Find()
		f.Measured = fmt.Sprintf("%s:%d: %v", path, unknown.Line, unknown)
		f.Expected = "directives that the stand-in knows, or nginx itself"
		f.Why = "What nobody has tried breaks on the day of the deploy."
		f.Try = fmt.Sprint(none)
	default:
		return setupFailure(err)
	}
	return f.String()
}
