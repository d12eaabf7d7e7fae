-- An index that is built CONCURRENTLY doesn't block the writers of its table, and
-- can't be built in a transaction. A run that was given up leaves the indexes that it
-- had finished, and an invalid one. So each is dropped before it is built: the next run
-- begins this file again.
-- +goose NO TRANSACTION

-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Each list of events is read in the order of its index, from the cursor on.
DROP INDEX CONCURRENTLY IF EXISTS events_by_start;
CREATE INDEX CONCURRENTLY events_by_start ON events (starts_at, id);
DROP INDEX CONCURRENTLY IF EXISTS events_by_price;
CREATE INDEX CONCURRENTLY events_by_price ON events (price_cents, id);
-- The events of a city are those of its venues.
DROP INDEX CONCURRENTLY IF EXISTS events_by_venue;
CREATE INDEX CONCURRENTLY events_by_venue ON events (venue_id, starts_at, id);
-- A search for a piece of a title looks its groups of three letters up.
DROP INDEX CONCURRENTLY IF EXISTS events_by_title;
CREATE INDEX CONCURRENTLY events_by_title ON events USING gin (title gin_trgm_ops);
DROP INDEX CONCURRENTLY IF EXISTS orders_by_user;
CREATE INDEX CONCURRENTLY orders_by_user ON orders (user_id, id);

-- +goose Down
DROP INDEX orders_by_user, events_by_title, events_by_venue, events_by_price, events_by_start;
DROP EXTENSION pg_trgm;
