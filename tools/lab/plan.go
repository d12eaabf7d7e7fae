package lab

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// Plan is how PostgreSQL does a statement: which tables it reads by which means,
// and how many rows it touches there. It was run for it, so the rows are counted,
// not guessed.
type Plan struct{ root planNode }

// planNode is a node of EXPLAIN's JSON:
// https://www.postgresql.org/docs/current/sql-explain.html
type planNode struct {
	Type      string     `json:"Node Type"`
	Table     string     `json:"Relation Name"`
	Index     string     `json:"Index Name"`
	Rows      float64    `json:"Actual Rows"` // of one loop, on average; whole before PostgreSQL 18
	Loops     float64    `json:"Actual Loops"`
	Filtered  float64    `json:"Rows Removed by Filter"`        // of one loop, too
	Rechecked float64    `json:"Rows Removed by Index Recheck"` // of one loop, too
	Plans     []planNode `json:"Plans"`
}

// Explain returns the plan by which PostgreSQL does a statement that the API sent,
// with the same parameters, in the test's database as it is now. It runs the
// statement in a transaction of its own that is rolled back, past the tap, so
// nothing is counted. Parallel workers and JIT are left out, which makes counts
// exact.
//
// A statement that can't be explained ends the test: BEGIN or FETCH, a write that
// can't be done twice, or one that needs what only its session had.
func (a *App) Explain(s Statement) Plan {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	plan, err := a.explain(ctx, s)
	if refusal := pq.As(err); refusal != nil { // without the position, which counts EXPLAIN in
		err = errors.New(refusal.Message)
	}
	if err != nil {
		a.t.Fatal(Finding{
			Measured: fmt.Sprintf("there is no plan of %s (%v)", oneLine(s.SQL), err),
			Expected: "a statement that PostgreSQL can explain: it is done again, with the same parameters, in another session",
			Why:      "The lab can't tell how many rows the statement touches.",
		}.String())
	}
	return plan
}

// oneLine is a statement's beginning without its line breaks.
func oneLine(sql string) string { return shorten(strings.Join(strings.Fields(sql), " "), 200) }

func (a *App) explain(ctx context.Context, s Statement) (Plan, error) {
	if s.Control() {
		return Plan{}, errors.New("it only steers its session")
	}
	args, err := parameters(s)
	if err != nil {
		return Plan{}, err
	}
	db, err := a.explainer()
	if err != nil {
		return Plan{}, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Plan{}, err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; SET LOCAL lock_timeout = '20s'"); err != nil {
		return Plan{}, err
	}
	var answer []byte
	if err := tx.QueryRowContext(ctx, "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+s.SQL, args...).Scan(&answer); err != nil {
		return Plan{}, err
	}
	return parsePlan(answer)
}

func parsePlan(answer []byte) (Plan, error) {
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal(answer, &plans); err != nil {
		return Plan{}, fmt.Errorf("read the plan: %w", err)
	}
	if len(plans) != 1 {
		return Plan{}, fmt.Errorf("PostgreSQL made %d plans of it", len(plans))
	}
	return Plan{plans[0].Plan}, nil
}

// parameters are what the statement was sent with, as the driver of explainer sends
// them on unchanged: a string in text form, bytes in binary form.
func parameters(s Statement) ([]any, error) {
	args := make([]any, len(s.Params))
	for i, p := range s.Params {
		switch {
		case p.Lost:
			return nil, fmt.Errorf("the value of $%d is too long to be kept", i+1)
		case p.Null:
			args[i] = nil
		case p.Binary:
			args[i] = []byte(p.Value)
		default:
			args[i] = p.Value
		}
	}
	return args, nil
}

// explainer is a pool past the tap whose connections leave the form of parameters
// to their Go type.
func (a *App) explainer() (*sql.DB, error) {
	address, err := url.Parse(a.direct)
	if err != nil {
		return nil, fmt.Errorf("read the database's address: %w", err)
	}
	query := address.Query()
	query.Set("binary_parameters", "yes")
	address.RawQuery = query.Encode()
	a.openPlans.Do(func() { a.plans, err = sql.Open("postgres", address.String()) })
	return a.plans, err
}

// SeqScans returns the tables that were read from end to end, sorted. A scan that
// stopped early, as LIMIT makes it, is one all the same: see Rows.
func (p Plan) SeqScans() []string {
	tables := map[string]bool{}
	p.root.walk(0, func(n *planNode, _ int) {
		if n.Type == "Seq Scan" && n.Loops > 0 {
			tables[n.Table] = true
		}
	})
	return slices.Sorted(maps.Keys(tables))
}

// Rows returns how many rows of the table were touched: those that its scans gave,
// and those that they read and passed over. What an index leaves out isn't touched.
// Where a scan runs often, PostgreSQL before 18 rounds each run's rows, so bounds
// should be generous.
func (p Plan) Rows(table string) int {
	return p.sum(func(n *planNode) bool { return n.Table == table })
}

// Touched returns how many rows were touched in all tables.
func (p Plan) Touched() int {
	return p.sum(func(*planNode) bool { return true })
}

func (p Plan) sum(counts func(*planNode) bool) int {
	var rows float64
	p.root.walk(0, func(n *planNode, _ int) {
		if n.scans() && counts(n) {
			rows += n.touched()
		}
	})
	return int(math.Round(rows))
}

// String lays the plan out, a line for each node, those beneath it indented.
func (p Plan) String() string {
	var b strings.Builder
	p.root.walk(0, func(n *planNode, depth int) {
		b.WriteString(strings.Repeat("  ", depth) + n.line() + "\n")
	})
	return strings.TrimRight(b.String(), "\n")
}

func (n *planNode) walk(depth int, visit func(n *planNode, depth int)) {
	visit(n, depth)
	for i := range n.Plans {
		n.Plans[i].walk(depth+1, visit)
	}
}

// scans reports whether the node reads rows of a table. One that changes rows names
// its table as well.
func (n *planNode) scans() bool { return n.Table != "" && strings.HasSuffix(n.Type, "Scan") }

func (n *planNode) touched() float64 { return (n.Rows + n.passedOver()) * n.Loops }

func (n *planNode) passedOver() float64 { return n.Filtered + n.Rechecked }

func (n *planNode) line() string {
	line := n.Type
	if n.Table != "" {
		line += " of " + n.Table
	}
	if n.Index != "" {
		line += " by " + n.Index
	}
	if n.Loops == 0 {
		return line + ": not needed"
	}
	line += fmt.Sprintf(": rows %.0f", n.Rows*n.Loops)
	if passed := n.passedOver() * n.Loops; passed > 0 {
		line += fmt.Sprintf(", and %.0f read in vain", passed)
	}
	if n.Loops > 1 {
		line += fmt.Sprintf(", in %.0f runs", n.Loops)
	}
	return line
}
