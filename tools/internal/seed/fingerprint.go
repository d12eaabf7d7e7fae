package seed

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"
)

// catalog describes, a line each, all that a migration can make in ordinary schemas.
const catalog = `
WITH mine AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT line FROM (
  SELECT 'schema ' || nspname FROM mine
  UNION ALL SELECT format('relation %s.%s %s %s %s', nspname, relname, relkind, relpersistence, reloptions)
    FROM pg_class JOIN mine ON mine.oid = relnamespace
  UNION ALL SELECT format('column %s %s %s %s null=%s %s%s %s', attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod),
      NOT attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid))
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN mine ON mine.oid = relnamespace
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
  UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(con.oid))
    FROM pg_constraint con JOIN mine ON mine.oid = connamespace
  UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN mine ON mine.oid = relnamespace
  UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT tgisinternal
  UNION ALL SELECT 'view ' || c.oid::regclass || pg_get_viewdef(c.oid) FROM pg_class c JOIN mine ON mine.oid = relnamespace WHERE relkind IN ('v', 'm')
  UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN mine ON mine.oid = pronamespace
    WHERE prokind IN ('f', 'p') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND deptype = 'e')
  UNION ALL SELECT format('sequence %s %s', seqrelid::regclass, (seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)) FROM pg_sequence
  UNION ALL SELECT 'extension ' || extname || extversion FROM pg_extension
  UNION ALL SELECT format('label %s.%s %s', enumtypid::regtype, enumsortorder, enumlabel) FROM pg_enum
  UNION ALL SELECT format('policy %s %s', polrelid::regclass, pg_get_expr(polqual, polrelid)) FROM pg_policy
) AS lines(line) ORDER BY line`

// fingerprint names a migrated database by its catalog and the rows in it.
// Times are left out: goose notes when it ran, and that isn't schema.
func fingerprint(ctx context.Context, url string) (string, error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return "", err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	lines, err := column(ctx, db, catalog)
	if err != nil {
		return "", fmt.Errorf("read the migrated schema: %w", err)
	}
	rows, err := contents(ctx, db)
	if err != nil {
		return "", fmt.Errorf("read the migrated rows: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(append(lines, rows...), "\n")))), nil
}

// contents returns a hash of each table that isn't empty.
func contents(ctx context.Context, db *sql.DB) ([]string, error) {
	queries, err := column(ctx, db, `
		SELECT format('SELECT %L || md5(string_agg(r::text, E''\n'' ORDER BY r::text)) FROM (SELECT %s FROM %s) r HAVING count(*) > 0',
			c.oid::regclass, string_agg(quote_ident(attname), ', ' ORDER BY attnum), c.oid::regclass)
		FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = c.oid
		WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
			AND attnum > 0 AND NOT attisdropped AND atttypid NOT IN ('timestamptz'::regtype, 'timestamp'::regtype)
		GROUP BY c.oid ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, query := range queries {
		lines, err := column(ctx, db, query)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return all, nil
}

// column returns the only column of a query.
func column(ctx context.Context, db querier, query string, args ...any) ([]string, error) {
	var list []string
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s.String)
	}
	return list, rows.Err()
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}
