-- The course's data: deterministic, and the same for every schema that has these columns.
-- Settings: boxoffice.today, a date; everything that has a time is placed around it.
SET LOCAL timezone = 'UTC';
SET LOCAL work_mem = '256MB';

-- pick is an even-looking number in [0, n) for each i and salt: a linear
-- congruential step (48271 mod 2^31-1, Park and Miller 1993), squared.
CREATE FUNCTION pg_temp.pick(i bigint, salt int, n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT ((((i * 48271 + salt::bigint * 7919771) % 2147483647) * ((i * 48271 + salt::bigint * 7919771) % 2147483647)) % 2147483647 % n)::int
$$;
CREATE FUNCTION pg_temp.word(list text[], i bigint, salt int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT list[1 + pg_temp.pick(i, salt, cardinality(list))]
$$;

INSERT INTO users (id, email, password_hash, role, created_at)
OVERRIDING SYSTEM VALUE
SELECT i,
  CASE i WHEN 1 THEN 'buyer@example.com' WHEN 2 THEN 'other@example.com' WHEN 3 THEN 'organiser@example.com'
    ELSE 'user' || i || '@example.com' END,
  '$2a$04$Y3sO7KOVZVIqB.pCYeTNzOdv.zGGzYovkXDAOJIqWcZOfyvZRI/3i', -- bcrypt, cost 4, of Password
  CASE i WHEN 3 THEN 'organiser' ELSE 'buyer' END,
  current_setting('boxoffice.today')::date - interval '2 years' + i * interval '200 minutes'
FROM generate_series(1, 5000) i;

INSERT INTO venues (id, name, city, capacity)
OVERRIDING SYSTEM VALUE
SELECT i,
  CASE i WHEN 1 THEN 'Royal Albert Hall' ELSE
    (ARRAY['The Grand', 'The Old', 'Royal', 'Riverside', 'Harbour', 'Northern', 'Park', 'Victoria', 'Station', 'Market', 'Corner', 'Crescent', 'Union'])[1 + (i - 1) / 40]
    || ' ' || pg_temp.word(ARRAY['Theatre', 'Hall', 'Arena', 'Ballroom', 'Playhouse', 'Pavilion', 'Opera House', 'Rooms', 'Stadium', 'Club'], i, 2) END,
  (ARRAY['London', 'Manchester', 'Glasgow', 'Dublin', 'Paris', 'Lyon', 'Brussels', 'Amsterdam', 'Rotterdam', 'Berlin',
    'Hamburg', 'Munich', 'Cologne', 'Vienna', 'Zurich', 'Milan', 'Rome', 'Naples', 'Madrid', 'Barcelona',
    'Lisbon', 'Porto', 'Copenhagen', 'Stockholm', 'Oslo', 'Helsinki', 'Warsaw', 'Kraków', 'Prague', 'Budapest',
    'Athens', 'Istanbul', 'New York', 'Chicago', 'Nashville', 'Toronto', 'São Paulo', 'Tokyo', 'Seoul', 'Melbourne'])[1 + (i - 1) % 40],
  CASE i WHEN 1 THEN 5272 ELSE 200 + pg_temp.pick(i, 3, 40) * (1 + pg_temp.pick(i, 4, 12)) * 50 END
FROM generate_series(1, 500) i;

-- Paragraphs that descriptions are put together from; {act} is who plays.
CREATE TEMP TABLE paragraphs ON COMMIT DROP AS
WITH said(opening, middle, detail, closing) AS (SELECT
  ARRAY[
    'It began in a rented room above a bakery, with two borrowed amplifiers and a neighbour who knocked on the wall in time.',
    'Nobody who saw {act} play the small rooms is surprised by the large ones.',
    'The new record was written on night trains, and you can hear the sleepers pass beneath the slower songs.',
    'Ten years, four albums and one broken tour bus later, {act} come back to where they started.',
    'There are evenings that you tell people about for years, and this one has every chance to be one of them.',
    'The critics call it their best work; the band call it the first one that they finished on time.',
    'Half of the set has never been played in public before this tour.',
    'You may know the single from the radio, but it is the last twenty minutes that people come back for.',
    'When the tickets for the spring dates were gone within a minute, {act} promised to return.',
    'What looks effortless on stage took eleven weeks in an empty warehouse outside the city.',
    'The evening opens quietly, with one voice and a harmonium that is older than everybody in the room.',
    'This is not a greatest-hits show, though nobody will go home without having heard them.'],
  ARRAY[
    'A string quartet joins for the second half, and stays for longer than was planned when the room is right.',
    'The lights were designed by the people who do the opera, with a tenth of the budget and twice the ideas.',
    'Between the songs there are stories, most of which are true.',
    'The drummer builds half of her instruments herself, out of things that other people threw away.',
    'Expect brass, expect a choir of thirty, and expect a silence in the middle that lasts exactly a minute.',
    'For this tour the stage stands in the middle of the room, so that no seat is far away.',
    'Each night a different guest walks on for one song; who it is stays a secret until then.',
    'The sound is mixed from the floor, among the audience, and is as clear in the last row as in the first.',
    'Old songs come back in new clothes: slower, stranger, and now and then in another language.',
    'The set changes every night, and the requests that you leave at the door are read and sometimes granted.',
    'Behind the players runs a film that was shot on the way here and is cut again for each city.',
    'A third of the band is new, and the difference can be heard from the very first bar.'],
  ARRAY[
    'Doors open ninety minutes before the show, and the support act is worth being early for.',
    'There is an interval of twenty minutes; the bars take cards only.',
    'The venue is five minutes from the main station, and night buses leave from the front until two.',
    'Seats in the balcony are numbered, the floor is standing, and there is room for wheelchairs on both sides.',
    'Children under twelve are welcome with an adult, and ear defenders are lent at the cloakroom for nothing.',
    'Cameras with detachable lenses stay at the cloakroom; a picture with your telephone is fine, a film is not.',
    'A hearing loop is installed, and two performances of this run are interpreted in sign language.',
    'Latecomers are let in between songs, which can take a while, so do plan for the queue.',
    'A pound of each ticket goes to music lessons in the schools of the neighbourhood.',
    'Tickets are personal: bring a document with your name, or hand the ticket back at face value until noon of the day.',
    'The show lasts about two hours and ten minutes and uses strobe lights in its last part.',
    'Food is served in the foyer from six, by three kitchens from around the corner.'],
  ARRAY[
    'Bring comfortable shoes.',
    'Come early, and stay for the encore.',
    'It will be loud, and then very quiet, and then loud again.',
    'Those who were at the last one have been asking about the next ever since.',
    'There will be no second date in this city.',
    'If you go to a single concert this year, there are worse choices.',
    'The rest is best not told in advance.',
    'We have seen the rehearsals, and we are coming again.',
    'Everything else is on the ticket.',
    'See you there.'])
SELECT i AS n, concat_ws(' ',
  pg_temp.word(opening, i, 11), pg_temp.word(middle, i, 12), pg_temp.word(detail, i, 13),
  pg_temp.word(middle, i + 7, 14), pg_temp.word(closing, i, 15)) AS body
FROM said, generate_series(0, 399) i;

CREATE TEMP TABLE billing ON COMMIT DROP AS
WITH names(first, second, kind) AS (SELECT
  ARRAY['Velvet', 'Paper', 'Northern', 'Silver', 'Crooked', 'Midnight', 'Electric', 'Quiet', 'Golden', 'Broken', 'Winter', 'Distant',
    'Hollow', 'Crimson', 'Wooden', 'Sleeping', 'Wandering', 'Second', 'Glass', 'Salt', 'Little', 'Burning', 'Foreign', 'Blue', 'Lonesome', 'Painted'],
  ARRAY['Harbour', 'Lanterns', 'Orchard', 'Foxes', 'Parade', 'Tides', 'Cathedral', 'Sparrows', 'Engines', 'Gardens', 'Shepherds', 'Letters',
    'Satellites', 'Rivers', 'Kings', 'Machines', 'Mirrors', 'Orchestra', 'Strangers', 'Weather', 'Avenue', 'Choir', 'Motel', 'Horses', 'Theory', 'Company'],
  ARRAY['The Long Way Home Tour', 'Live', 'Unplugged', 'An Evening of New Songs', 'The Farewell Tour', 'Acoustic Session', 'World Tour', 'Album Launch',
    'In the Round', 'with the City Philharmonic', 'Summer Open Air', 'The Anniversary Show', 'Matinee', 'Late Night Set', 'and Friends', 'Winter Tour'])
SELECT i AS id,
  pg_temp.word(first, i, 21) || ' ' || pg_temp.word(second, i, 22) AS act,
  pg_temp.word(kind, i, 23) AS kind,
  4 + pg_temp.pick(i, 24, 3) * pg_temp.pick(i, 25, 2) + pg_temp.pick(i, 32, 2) AS paragraphs
FROM names, generate_series(1, 20000) i;

-- Shows begin at one of five usual times, so that many share theirs. None begins today or
-- tomorrow: what is still to come is the same at each hour, and past midnight.
INSERT INTO events (id, venue_id, title, description, starts_at, price_cents, remaining, created_at)
OVERRIDING SYSTEM VALUE
SELECT b.id, 2 + pg_temp.pick(b.id, 26, 499), b.act || ': ' || b.kind,
  d.description,
  current_setting('boxoffice.today')::date + (d.day + CASE WHEN d.day < 0 THEN 0 ELSE 2 END) * interval '1 day'
    + (ARRAY[interval '15 h', '19 h', '19 h 30 min', '20 h', '20 h 30 min'])[1 + pg_temp.pick(b.id, 28, 5)],
  1500 + 50 * pg_temp.pick(b.id, 29, 471),
  CASE WHEN pg_temp.pick(b.id, 30, 25) = 0 THEN 0 ELSE pg_temp.pick(b.id, 31, 2001) END,
  current_setting('boxoffice.today')::date - interval '90 days' + b.id * interval '6 minutes'
FROM billing b JOIN (
  SELECT b.id, pg_temp.pick(b.id, 27, 395) - 30 AS day, string_agg(replace(p.body, '{act}', b.act), E'\n\n' ORDER BY k) AS description
  FROM billing b
  CROSS JOIN generate_series(1, 7) k
  JOIN paragraphs p ON p.n = (pg_temp.pick(b.id, 33, 400) + k * 67) % 400
  WHERE k <= b.paragraphs
  GROUP BY b.id
) d USING (id)
ORDER BY b.id;

-- The events that tests name.
UPDATE events SET venue_id = 1, title = f.title, price_cents = f.price, remaining = f.remaining,
  starts_at = current_setting('boxoffice.today')::date + f.days * interval '1 day' + interval '20 hours'
FROM (VALUES
  (42, 'The Answers: One Night in June', 4200, 500, 60),
  (43, 'Three Left Shoes: The Last Row', 6500, 3, 45),
  (44, 'Nobody Home: Sold Out Again', 8900, 0, 30),
  (45, 'Yesterday''s Papers: It Was Grand', 3000, 100, -1)
) f(id, title, price, remaining, days)
WHERE events.id = f.id;

-- The first 60 orders are the buyer's, the next 5 another buyer's. None is for a named event.
INSERT INTO orders (id, user_id, event_id, quantity, total_cents, status, created_at)
OVERRIDING SYSTEM VALUE
SELECT o.id, o.user_id, o.event_id, o.quantity, o.quantity * e.price_cents, 'confirmed',
  current_setting('boxoffice.today')::date - interval '30 days' + o.id * interval '25 seconds'
FROM (
  SELECT i AS id,
    CASE WHEN i <= 60 THEN 1 WHEN i <= 65 THEN 2 ELSE 4 + pg_temp.pick(i, 41, 4997) END AS user_id,
    46 + pg_temp.pick(i, 42, 19955) AS event_id,
    1 + pg_temp.pick(i, 43, 2) + pg_temp.pick(i, 44, 2) * pg_temp.pick(i, 45, 6) AS quantity
  FROM generate_series(1, 100000) i
) o JOIN events e ON e.id = o.event_id
ORDER BY o.id;

SELECT setval(pg_get_serial_sequence(t, 'id'), n)
FROM (VALUES ('users', 5000), ('venues', 500), ('events', 20000), ('orders', 100000)) s(t, n);
