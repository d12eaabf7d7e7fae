// Package nginx finds the nginx of this machine, and runs it on a file that stands inside http{}.
package nginx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/process"
	"example.com/boxoffice/tools/internal/services/program"
)

// Program is an nginx of this machine.
type Program struct {
	// Path is the program.
	Path string
	// Version is such as "1.22.1".
	Version string

	without string // what it was built with, and without
}

// NotFoundError says that there is no nginx, and how to get one on this system.
type NotFoundError struct {
	Reason  string
	Install string // the command that installs it
}

func (e *NotFoundError) Error() string { return e.Reason + "; to install it: " + e.Install }

// folders are where the program may be, PATH first: ordinary users often have no sbin in it.
func folders() []string {
	return append(program.Folders(), "/usr/local/sbin", "/usr/local/nginx/sbin", "/opt/local/sbin")
}

// Find returns the first nginx that runs. The error is a *NotFoundError.
func Find() (*Program, error) {
	return find(folders())
}

func find(folders []string) (*Program, error) {
	reason := "there is no nginx on PATH or in /usr/sbin"
	for _, folder := range folders {
		path := filepath.Join(folder, "nginx")
		if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
			continue
		}
		found, err := ask(path)
		if err == nil {
			return found, nil
		}
		reason = fmt.Sprintf("%s: %v", path, err)
	}
	return nil, &NotFoundError{Reason: reason, Install: install.Command()}
}

var versionLine = regexp.MustCompile(`nginx version: \S+/(\S+)`)

func ask(path string) (*Program, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-V")
	cmd.Dir, cmd.Env = "/", program.Environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("run it: %w %s", err, strings.TrimSpace(string(out)))
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return nil, fmt.Errorf("-V said %q", strings.TrimSpace(string(out)))
	}
	return &Program{Path: path, Version: string(m[1]), without: string(out)}, nil
}

// Site is what an nginx is to serve.
type Site struct {
	// Conf stands inside http{}, as a file in /etc/nginx/conf.d of nginx's official image.
	Conf string
	// LogFormat is the format of AccessLog's lines, with nginx's variables.
	LogFormat string
	// Log receives what nginx says.
	Log io.Writer
}

// Running is an nginx that serves a site. It ends with this process at the latest, however
// that ends.
type Running struct {
	// AccessLog is the file that nginx writes a line to once a request is over.
	AccessLog string

	process *process.Process
}

// ConfError is what nginx said about a configuration that it refuses.
type ConfError struct {
	Line int    // in Site.Conf; 0 when nginx names none
	What string // such as `unknown directive "upstrem"`
}

func (e *ConfError) Error() string { return e.What }

// startLimit is how long nginx may take until it accepts connections.
const startLimit = 10 * time.Second

// Start serves a site, as root or as anybody else. The error is a *ConfError when nginx
// refuses the configuration.
func (n *Program) Start(site Site) (*Running, error) {
	folder, err := os.MkdirTemp("", "boxoffice-nginx-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for nginx: %w", err)
	}
	if err := n.prepare(folder, site); err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	server, err := program.Start(folder, site.Log, n.Path, n.arguments(folder)...)
	if err != nil {
		return nil, err
	}
	if err := awaitStart(folder, server.Exited()); err != nil {
		server.Kill()
		return nil, fmt.Errorf("start %s: %w", n.Path, err)
	}
	return &Running{AccessLog: filepath.Join(folder, "access.log"), process: server}, nil
}

// Stop ends it, with all requests that still run, and removes its files.
func (r *Running) Stop() { r.process.Kill() }

// prepare writes the files and has nginx check them.
func (n *Program) prepare(folder string, site Site) error {
	files := map[string]string{"nginx.conf": n.around(folder, site.LogFormat), "site.conf": site.Conf, "access.log": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write nginx's %s: %w", name, err)
		}
	}
	cmd := exec.Command(n.Path, append([]string{"-t", "-q"}, n.arguments(folder)...)...)
	cmd.Dir, cmd.Env = "/", program.Environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return complaint(string(out), err)
	}
	return nil
}

func (n *Program) arguments(folder string) []string {
	return []string{"-p", folder, "-c", filepath.Join(folder, "nginx.conf")}
}

// around is the configuration that includes the site: that of the official image, in one process,
// and with all files in the folder.
func (n *Program) around(folder, logFormat string) string {
	var temporary strings.Builder
	fmt.Fprintf(&temporary, "  client_body_temp_path %s/body;\n", folder)
	for _, module := range []string{"proxy", "fastcgi", "uwsgi", "scgi"} {
		if !strings.Contains(n.without, "--without-http_"+module+"_module") {
			fmt.Fprintf(&temporary, "  %s_temp_path %s/%s;\n", module, folder, module)
		}
	}
	return fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
lock_file %[1]s/nginx.lock;
error_log stderr warn;
events { worker_connections 1024; }
http {
%[2]s  log_format lab escape=json '%[3]s';
  access_log %[1]s/access.log lab;
  default_type application/octet-stream;
  sendfile on;
  keepalive_timeout 65;
  include %[1]s/site.conf;
}
`, folder, temporary.String(), logFormat)
}

// complaintLine is what nginx -t says, before and after it has opened its log:
//
//	nginx: [emerg] unknown directive "x" in /…/site.conf:3
//	2026/11/21 10:52:43 [emerg] 4711#4711: invalid value "x" in /…/site.conf:3
var complaintLine = regexp.MustCompile(`\[emerg\] (?:\d+#\d+: )?(.*?)(?: in \S+/(site|nginx)\.conf:(\d+))?\n`)

func complaint(said string, err error) error {
	m := complaintLine.FindStringSubmatch(said + "\n")
	if m == nil || m[2] == "nginx" {
		return fmt.Errorf("nginx -t: %w %s", err, strings.TrimSpace(said))
	}
	complaint := &ConfError{What: m[1]}
	_, _ = fmt.Sscan(m[3], &complaint.Line)
	return complaint
}

// awaitStart waits until it has written its process id, which it does once it listens, or tells
// that it never will.
func awaitStart(folder string, ended <-chan struct{}) error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); {
		if info, err := os.Stat(filepath.Join(folder, "nginx.pid")); err == nil && info.Size() > 0 {
			return nil
		}
		select {
		case <-ended:
			return errors.New("it ended at once")
		case <-time.After(time.Millisecond):
		}
	}
	return errors.New("it accepts no connections")
}
