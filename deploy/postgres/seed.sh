#!/bin/sh
# Fills a migrated database with the course's data: 20,000 events, 5,000 users and 100,000
# orders. A database that has events already is left alone.
set -eu
psql="psql -X -q -v ON_ERROR_STOP=1"
if [ "$($psql -A -t -c 'SELECT count(*) FROM (SELECT FROM events LIMIT 1) e')" != 0 ]; then
  echo "seed: the database has events already"
  exit 0
fi
$psql -1 -o /dev/null -c "SELECT set_config('boxoffice.today', current_date::text, true)" -f "$SEED"
$psql -c 'VACUUM ANALYZE'
echo "seed: 20,000 events; log in as buyer@example.com, with the password \"correct horse battery staple\""
