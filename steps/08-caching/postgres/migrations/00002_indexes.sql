-- An index that is built CONCURRENTLY doesn't block the writers of its table, and
-- can't be built in a transaction.
-- +goose NO TRANSACTION

-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Each list of events is read in the order of its index, from the cursor on.
CREATE INDEX CONCURRENTLY events_by_start ON events (starts_at, id);
CREATE INDEX CONCURRENTLY events_by_price ON events (price_cents, id);
-- The events of a city are those of its venues.
CREATE INDEX CONCURRENTLY events_by_venue ON events (venue_id, starts_at, id);
-- A search for a piece of a title looks its groups of three letters up.
CREATE INDEX CONCURRENTLY events_by_title ON events USING gin (title gin_trgm_ops);
CREATE INDEX CONCURRENTLY orders_by_user ON orders (user_id, id);

-- +goose Down
DROP INDEX orders_by_user, events_by_title, events_by_venue, events_by_price, events_by_start;
DROP EXTENSION pg_trgm;
