package course

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scenario is the load that `workshop measure` puts on the APIs of a step: `scenario` in a
// lesson's front matter.
type Scenario struct {
	// Text says in a line what is asked for.
	Text string `yaml:"text" json:"text"`
	// Requests are what clients ask for, mixed by their weights.
	Requests []ScenarioRequest `yaml:"requests" json:"requests"`
	// Steady is the arrival rate in requests a second at which latencies are read and
	// queries counted. Every API has to bear it.
	Steady int `yaml:"steady" json:"steady"`
	// Columns are the figures that tell the step's story, in this order.
	Columns []string `yaml:"columns" json:"columns"`
	// MailDelay is how long the mail server takes for each message.
	MailDelay time.Duration `yaml:"mail_delay" json:"mail_delay,omitempty"`
	// Deploy is how many instances are restarted one after the other, behind a balancer,
	// while the requests come; 0 for one instance that goes on.
	Deploy int `yaml:"deploy" json:"deploy,omitempty"`
	// Env is more of the API's environment.
	Env []string `yaml:"env" json:"env,omitempty"`
}

// ScenarioRequest is one kind of request. In Path and Body stand for something else
// each time: {event}, the id of any event; {on_sale}, of one with tickets left; {hot}, of
// one of twenty of these; {popular}, of any of these, of which few are asked for often; {word} in titles, {city}, and {email} and
// {password} of a buyer.
type ScenarioRequest struct {
	Method string `yaml:"method" json:"method"`
	Path   string `yaml:"path" json:"path"`
	Body   string `yaml:"body" json:"body,omitempty"`
	// As is "buyer" for requests with a token.
	As string `yaml:"as" json:"as,omitempty"`
	// Weight is how often it comes, relative to the others; 1 when 0.
	Weight int `yaml:"weight" json:"weight,omitempty"`
}

// AsBuyer is the As of requests with a buyer's token.
const AsBuyer = "buyer"

// Check finds the first thing that is wrong with a scenario, of which columns are the
// figures that may be shown.
func (s *Scenario) Check(columns []string) error {
	switch {
	case strings.TrimSpace(s.Text) == "":
		return errors.New("the scenario has no text")
	case s.Steady < 1:
		return errors.New("the scenario has no steady rate")
	case len(s.Requests) == 0:
		return errors.New("the scenario has no requests")
	case len(s.Columns) == 0:
		return errors.New("the scenario has no columns")
	}
	for _, r := range s.Requests {
		if r.Method == "" || !strings.HasPrefix(r.Path, "/") {
			return fmt.Errorf("a request of the scenario is %q %q; it takes a method and a path", r.Method, r.Path)
		}
		if r.As != "" && r.As != AsBuyer {
			return fmt.Errorf("a request of the scenario is as %q; it may be as %q", r.As, AsBuyer)
		}
	}
	for _, name := range s.Columns {
		if !slices.Contains(columns, name) {
			return fmt.Errorf("the scenario shows %q; there are %s", name, strings.Join(columns, ", "))
		}
	}
	return nil
}
