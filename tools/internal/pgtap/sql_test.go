package pgtap

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/boxoffice/tools/internal/fault"
)

func TestVerb(t *testing.T) {
	for sql, want := range map[string]string{
		"select 1":                              "SELECT",
		"  -- why\n /* a /* b */ */ (Select 1)": "SELECT",
		"begin;":                                "BEGIN",
		";":                                     "",
		"-- ping":                               "",
		"":                                      "",
	} {
		assert.Equal(t, want, Statement{SQL: sql}.Verb(), sql)
	}
}

func TestSplit(t *testing.T) {
	for sql, want := range map[string][]string{
		"a; b":                       {"a", "b"},
		"a;;b;":                      {"a", "b"},
		"a":                          {"a"},
		";":                          nil,
		"-- a; b":                    nil,
		"a ';' b; c":                 {"a ';' b", "c"},
		"a 'it''s; ' ; b":            {"a 'it''s; '", "b"},
		`a '\'; b`:                   {`a '\'`, "b"},
		`a E'\'; b'; c`:              {`a E'\'; b'`, "c"},
		`a "x;y"; b`:                 {`a "x;y"`, "b"},
		"a $$ ; $$; b":               {"a $$ ; $$", "b"},
		"a $f$ $$;$$ ; $f$; b":       {"a $f$ $$;$$ ; $f$", "b"},
		"a $1; b $2":                 {"a $1", "b $2"},
		"a /* ; /* ; */ ; */; b":     {"a /* ; /* ; */ ; */", "b"},
		"create rule r do (a; b); c": {"create rule r do (a; b)", "c"},
		"a '; not closed":            {"a '; not closed"},
		"a $x$; not closed":          {"a $x$; not closed"},
		`a "; not closed`:            {`a "; not closed`},
	} {
		assert.Equal(t, want, split(sql), sql)
	}
}

func TestWrites(t *testing.T) {
	for sql, want := range map[string]bool{
		"INSERT INTO orders (id) VALUES (1)":                                    true,
		`insert into public."orders" values (1)`:                                true,
		"UPDATE orders SET quantity = 1":                                        true,
		"UPDATE ONLY public.orders SET quantity = 1":                            true,
		"DELETE FROM orders":                                                    true,
		"TRUNCATE TABLE orders":                                                 true,
		"COPY orders (id) FROM STDIN":                                           true,
		"COPY orders TO STDOUT":                                                 false,
		"WITH o AS (INSERT INTO orders VALUES (1) RETURNING *) SELECT * FROM o": true,
		"MERGE INTO orders USING x ON true WHEN MATCHED THEN DELETE":            true,
		"SELECT * FROM orders FOR UPDATE":                                       false,
		"SELECT 'INSERT INTO orders'":                                           false,
		"UPDATE events SET remaining = (SELECT count(*) FROM orders)":           false,
		"INSERT INTO": false,
	} {
		assert.Equal(t, want, Writes("orders")(Statement{SQL: sql}), sql)
	}
}

func TestTouches(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT * FROM orders":         true,
		"SELECT * FROM public.Orders":  true,
		"SELECT * FROM orders_archive": false,
		"SELECT 'orders' -- orders":    false,
		"SELECT $$ orders $$":          false,
	} {
		assert.Equal(t, want, Touches("orders")(Statement{SQL: sql}), sql)
	}
}

func TestLogForgetsTheOldest(t *testing.T) {
	tap := &Tap{link: fault.NewLink()}
	for range 2*LogLimit + 10 {
		tap.record(&Statement{SQL: "SELECT 1"})
	}
	before := tap.counts
	tap.record(&Statement{SQL: "SELECT 2"})
	assert.Len(t, tap.Statements(), LogLimit)
	assert.Equal(t, 2*LogLimit+11, tap.Stats().Queries)
	assert.Equal(t, "SELECT 2", tap.StatementsSince(before)[0].SQL)
	assert.Empty(t, tap.StatementsSince(tap.counts))
}

func TestLongArgumentsAreCutBetweenCharacters(t *testing.T) {
	long := make([]byte, 0, 3*maxArg)
	for len(long) < 2*maxArg {
		long = append(long, "aä€"...)
	}
	got := short(long)
	assert.LessOrEqual(t, len(got), maxArg+len("…"))
	assert.NotContains(t, got, "\ufffd")
}

func FuzzSplit(f *testing.F) {
	f.Add("a; $x$ ; $x$ 'b' /* c */ \"d\" E'\\''")
	f.Fuzz(func(t *testing.T, sql string) {
		for _, part := range split(sql) {
			assert.NotEmpty(t, firstWord(part))
			Writes("orders")(Statement{SQL: part})
		}
	})
}
