package mutation

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// changed are the texts that a change makes of some SQL, as it is sent, by what it is
// called.
func changed(text string) map[string][]string {
	all := map[string][]string{}
	for _, c := range sqlChanges(text) {
		after := string(apply([]byte(text), 0, []edit{c.run}))
		all[c.operator] = append(all[c.operator], strings.Join(strings.Fields(after), " "))
	}
	return all
}

func TestSQLIsChangedByClause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql, operator string
		want          []string
	}{
		"the only condition": {`SELECT * FROM orders WHERE id = $1`, "drop condition",
			[]string{`SELECT * FROM orders WHERE (id = $1 OR true)`}},
		"one of two conditions": {`SELECT * FROM orders WHERE id = $1 AND user_id = $2 LIMIT 1`, "drop condition",
			[]string{`SELECT * FROM orders WHERE (id = $1 OR true) AND user_id = $2 LIMIT 1`, `SELECT * FROM orders WHERE id = $1 AND (user_id = $2 OR true) LIMIT 1`}},
		"a condition of a subquery": {`DELETE FROM a WHERE b IN (SELECT b FROM c WHERE d = $1) AND e`, "drop condition",
			[]string{`DELETE FROM a WHERE (b IN (SELECT b FROM c WHERE d = $1) OR true) AND e`, `DELETE FROM a WHERE b IN (SELECT b FROM c WHERE d = $1) AND (e OR true)`,
				`DELETE FROM a WHERE b IN (SELECT b FROM c WHERE (d = $1 OR true)) AND e`}},
		"a BETWEEN is one": {`SELECT 1 FROM a WHERE b BETWEEN 2 AND 3`, "drop condition",
			[]string{`SELECT 1 FROM a WHERE (b BETWEEN 2 AND 3 OR true)`}},
		"either of two": {`SELECT 1 FROM a WHERE ($1 = '' OR city = $1)`, "drop condition",
			[]string{`SELECT 1 FROM a WHERE (($1 = '' OR city = $1) OR true)`, `SELECT 1 FROM a WHERE (($1 = '' AND false) OR city = $1)`, `SELECT 1 FROM a WHERE ($1 = '' OR (city = $1 AND false))`}},
		"a condition of a join": {`SELECT 1 FROM a JOIN b ON b.id = a.id ORDER BY a.id`, "drop condition",
			[]string{`SELECT 1 FROM a JOIN b ON (b.id = a.id OR true) ORDER BY a.id`}},
		"a piece that goes on": {` AND e.id > $2`, "drop condition", []string{`AND (e.id > $2 OR true)`}},
		"the only key":         {`SELECT 1 FROM a ORDER BY id DESC`, "drop ORDER BY", []string{`SELECT 1 FROM a`}},
		"the way of the key":   {`SELECT 1 FROM a ORDER BY id DESC`, "turn ORDER BY", []string{`SELECT 1 FROM a ORDER BY id`}},
		"one of two keys": {`SELECT 1 FROM a ORDER BY b, id LIMIT 3`, "drop a key of ORDER BY",
			[]string{`SELECT 1 FROM a ORDER BY id LIMIT 3`, `SELECT 1 FROM a ORDER BY b LIMIT 3`}},
		"keys that come later": {`SELECT 1 FROM a ORDER BY `, "drop ORDER BY", nil},
		"a limit":              {`SELECT 1 FROM a LIMIT $3`, "ignore LIMIT", []string{`SELECT 1 FROM a LIMIT nullif($3::bigint, $3::bigint)`}},
		"one more":             {`SELECT 1 FROM a LIMIT $3`, "change LIMIT", []string{`SELECT 1 FROM a LIMIT $3::bigint + 1`}},
		"an offset":            {`SELECT 1 FROM a OFFSET $4`, "ignore OFFSET", []string{`SELECT 1 FROM a OFFSET $4::bigint * 0`}},
		"a row's lock":         {`SELECT 1 FROM a WHERE b FOR UPDATE`, "drop FOR UPDATE", []string{`SELECT 1 FROM a WHERE b`}},
		"a row's lock, passed over": {`SELECT 1 FROM a FOR UPDATE SKIP LOCKED LIMIT 1`, "drop SKIP LOCKED",
			[]string{`SELECT 1 FROM a FOR UPDATE LIMIT 1`}},
		"a conflict":   {`INSERT INTO a (b) VALUES ($1) ON CONFLICT (b) DO UPDATE SET b = 1 RETURNING *`, "drop ON CONFLICT", []string{`INSERT INTO a (b) VALUES ($1) RETURNING *`}},
		"what it does": {`INSERT INTO a (b) VALUES ($1) ON CONFLICT (b) DO UPDATE SET b = $1 RETURNING *`, "drop DO UPDATE", []string{`INSERT INTO a (b) VALUES ($1) ON CONFLICT (b) DO NOTHING RETURNING *`}},
		"assignments": {`UPDATE a SET b = $1, c = coalesce($2, c) WHERE d = $3`, "drop assignment",
			[]string{`UPDATE a SET b = CASE WHEN true THEN a.b ELSE $1 END, c = coalesce($2, c) WHERE d = $3`, `UPDATE a SET b = $1, c = CASE WHEN true THEN a.c ELSE coalesce($2, c) END WHERE d = $3`}},
		"the assignment of a conflict": {`INSERT INTO a (b) VALUES ($1) ON CONFLICT (b) DO UPDATE SET c = 5`, "drop assignment",
			[]string{`INSERT INTO a (b) VALUES ($1) ON CONFLICT (b) DO UPDATE SET c = CASE WHEN true THEN a.c ELSE 5 END`}},
		"arithmetic":       {`UPDATE a SET b = b - $1`, "change arithmetic", []string{`UPDATE a SET b = b + $1`}},
		"a bound":          {`SELECT 1 FROM a WHERE b > now()`, "move comparison by one", []string{`SELECT 1 FROM a WHERE b >= now()`}},
		"an interval":      {`DELETE FROM a WHERE b < now() - interval '1 hour'`, "longer", []string{`DELETE FROM a WHERE b < now() - (100 * interval '1 hour')`}},
		"a wildcard":       {`SELECT 1 FROM a WHERE b ILIKE '%' || $2`, "change text", []string{`SELECT 1 FROM a WHERE b ILIKE '' || $2`}},
		"a state":          {`UPDATE a SET b = 'done'`, "change text", []string{`UPDATE a SET b = 'donex'`}},
		"a default":        {`SELECT coalesce($1, b) FROM a`, "drop coalesce", []string{`SELECT CASE WHEN true THEN $1 ELSE coalesce($1, b) END FROM a`}},
		"no comment":       {"SELECT 1 -- WHERE a = 1\nFROM a", "drop condition", nil},
		"no conflict's ON": {`INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING`, "drop condition", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ElementsMatch(t, c.want, changed(c.sql)[c.operator])
		})
	}
}

// What is shown reads as somebody would have written it.
func TestSQLReadsAsWritten(t *testing.T) {
	t.Parallel()
	var shown []string
	const sql = `SELECT * FROM a WHERE b = $1 AND c > $2 ORDER BY d LIMIT $3`
	for _, c := range sqlChanges(sql) {
		if c.operator != "turn ORDER BY" {
			shown = append(shown, strings.Join(strings.Fields(string(apply([]byte(sql), 0, []edit{c.shown}))), " "))
		}
	}
	slices.Sort(shown)
	assert.Equal(t, []string{
		`SELECT * FROM a WHERE b = $1 AND c > $2 LIMIT $3`,
		`SELECT * FROM a WHERE b = $1 AND c > $2 ORDER BY d`,
		`SELECT * FROM a WHERE b = $1 AND c > $2 ORDER BY d LIMIT $3 + 1`,
		`SELECT * FROM a WHERE b = $1 AND c >= $2 ORDER BY d LIMIT $3`,
		`SELECT * FROM a WHERE b = $1 ORDER BY d LIMIT $3`,
		`SELECT * FROM a WHERE c > $2 ORDER BY d LIMIT $3`,
	}, shown)
}

func TestSentencesAreNoSQL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"SELECT 1": true, "only %d tickets are left": false, "limit must be a number from 1 to 100": false,
		" AND e.id > $1": true, "price_cents, id": false, "DATABASE_URL is not set, so there is no database to use": false,
	} {
		assert.Equal(t, want, looksLikeSQL(text), "%q", text)
	}
}
