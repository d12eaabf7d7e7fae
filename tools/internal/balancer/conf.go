package balancer

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
)

// Conf is a configuration file as nginx's official image includes it inside http{},
// with the addresses of this machine put in.
type Conf struct {
	// Text is what nginx reads. Its lines are those of the file.
	Text string

	directives []directive
	instances  []string // addresses, by number
}

// ConfError says what is wrong in a configuration file, and in which line.
type ConfError struct {
	Line int
	What string
}

func (e *ConfError) Error() string { return e.What }

// instancePort is where the instances listen in the stack that the file is for.
const instancePort = "8080"

// instanceName is what a file calls an instance: api-1:8080.
var instanceName = regexp.MustCompile(`\bapi-(\d+)(?::(\d+))?`)

// ReadConf reads a configuration. api-N:8080 becomes the address of the Nth of the
// instances, counted from 1; each port that is listened on becomes the address that
// listen returns for it. The error is a *ConfError.
func ReadConf(source string, instances []string, listen func(port string) string) (*Conf, error) {
	directives, err := parseNginx(source)
	if err == nil {
		e := &editor{source: source, instances: instances, listen: listen}
		if err = e.walk("", directives); err == nil {
			c := &Conf{Text: e.text(), instances: instances}
			c.directives, err = parseNginx(c.Text)
			if err == nil {
				return c, nil
			}
		}
	}
	return nil, confError(err)
}

func confError(err error) *ConfError {
	if e, ok := err.(*syntaxError); ok {
		return &ConfError{e.line, e.what}
	}
	return &ConfError{1, err.Error()}
}

// editor collects what is put in the place of what.
type editor struct {
	source    string
	instances []string
	listen    func(port string) string
	edits     []edit
}

type edit struct {
	start, end int
	text       string
}

func (e *editor) replace(start, end int, text string) {
	e.edits = append(e.edits, edit{start, end, text})
}

// remove leaves the line breaks, so that lines keep their numbers.
func (e *editor) remove(d directive) {
	breaks := strings.Count(e.source[d.name.start:d.end], "\n")
	e.replace(d.name.start, d.end, strings.Repeat("\n", breaks))
}

func (e *editor) text() string {
	slices.SortFunc(e.edits, func(a, b edit) int { return a.start - b.start })
	var b strings.Builder
	at := 0
	for _, edit := range e.edits {
		b.WriteString(e.source[at:edit.start] + edit.text)
		at = edit.end
	}
	return b.String() + e.source[at:]
}

// walk edits the directives of a block, whose own name is given.
func (e *editor) walk(within string, list []directive) error {
	listening := map[string]bool{}
	for _, d := range list {
		var err error
		switch name := d.name.text; {
		case name == "access_log" || name == "error_log" || name == "pid":
			e.remove(d) // they name files of the image; the lab reads its own
		case name == "listen" && within == "server":
			e.listens(d, listening)
		case name == "server" && within == "upstream":
			err = e.server(d)
		case name == "proxy_pass":
			err = e.names(d)
		}
		if err == nil {
			err = e.walk(d.name.text, d.block)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// listens moves a listen directive to loopback; the same port for another address
// family is dropped.
func (e *editor) listens(d directive, listening map[string]bool) {
	if len(d.args) == 0 {
		return // nginx says what is wrong with it
	}
	port := portOf(d.args[0].text)
	if listening[port] {
		e.remove(d)
		return
	}
	listening[port] = true
	e.replace(d.args[0].start, d.args[0].end, e.listen(port))
}

// portOf is the port of listen's argument, which is ADDRESS:PORT, PORT or ADDRESS.
func portOf(argument string) string {
	if _, port, err := net.SplitHostPort(argument); err == nil {
		return port
	}
	if strings.Trim(argument, "0123456789") == "" {
		return argument
	}
	return "80"
}

// server puts an instance's address into an upstream's server.
func (e *editor) server(d directive) error {
	if len(d.args) == 0 {
		return nil // nginx says what is wrong with it
	}
	if !instanceName.MatchString(d.args[0].text) {
		return wrong(d.args[0].line, "%q is no instance: they are called api-1:%s to api-%d:%s", d.args[0].text, instancePort, len(e.instances), instancePort)
	}
	return e.names(d)
}

// names puts addresses in for all names of instances in a directive's arguments.
func (e *editor) names(d directive) error {
	for _, arg := range d.args {
		m := instanceName.FindStringSubmatch(arg.text)
		if m == nil {
			continue
		}
		address, err := e.address(m[1], m[2])
		if err != nil {
			return wrong(arg.line, "%v", err)
		}
		e.replace(arg.start, arg.end, strings.Replace(arg.text, m[0], address, 1))
	}
	return nil
}

func (e *editor) address(number, port string) (string, error) {
	for i, address := range e.instances {
		if number != fmt.Sprint(i+1) {
			continue
		}
		if port != instancePort {
			return "", fmt.Errorf("api-%s listens on port %s: write api-%s:%s", number, instancePort, number, instancePort)
		}
		return address, nil
	}
	return "", fmt.Errorf("there is no api-%s: the instances are called api-1 to api-%d", number, len(e.instances))
}
