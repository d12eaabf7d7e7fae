package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jmoiron/sqlx"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/seed"
)

// mix makes the requests of a scenario. The nth request is the same for each API.
type mix struct {
	requests []course.ScenarioRequest
	weights  int // their sum
	onSale   []int64
	count    atomic.Uint64
}

// newMix takes the requests of a scenario that was checked. Of the events onSale, the first
// are the popular ones.
func newMix(requests []course.ScenarioRequest, onSale []int64) *mix {
	m := &mix{requests: requests, onSale: onSale}
	for _, r := range requests {
		m.weights += weight(r)
	}
	return m
}

// weight is how often a request comes.
func weight(r course.ScenarioRequest) int { return max(r.Weight, 1) }

// needsBuyers tells whether a request comes with a token.
func (m *mix) needsBuyers() bool {
	for _, r := range m.requests {
		if r.As == course.AsBuyer {
			return true
		}
	}
	return false
}

// nth is the nth request as a template, and what chooses its parts.
func (m *mix) nth(n uint64) (course.ScenarioRequest, *rand.Rand) {
	random := rand.New(rand.NewPCG(n, 2026))
	at := random.IntN(m.weights)
	for _, r := range m.requests {
		if at -= weight(r); at < 0 {
			return r, random
		}
	}
	panic("load: weights don't add up")
}

// targeter makes vegeta's targets for the API at an address. With tokens, requests as a
// buyer carry one of them.
func (m *mix) targeter(address string, tokens []string) vegeta.Targeter {
	return func(t *vegeta.Target) error {
		r, random := m.nth(m.count.Add(1))
		t.Method, t.URL = r.Method, "http://"+address+m.fill(r.Path, random)
		t.Header = http.Header{}
		t.Body = nil
		if r.Body != "" {
			t.Body = []byte(m.fill(r.Body, random))
			t.Header.Set("Content-Type", "application/json")
		}
		if r.As == course.AsBuyer {
			t.Header.Set("Authorization", "Bearer "+tokens[random.IntN(len(tokens))])
		}
		return nil
	}
}

// popularity is the exponent of Zipf's law, by which the event in place k of the list comes in
// proportion to k^-popularity. Breslau and others (Web Caching and Zipf-like Distributions,
// INFOCOM 1999) found 0.64 to 0.83 for web pages; on the day of a sale it is steeper.
const popularity = 1.1

// hot is how many events are {hot}: those that went on sale this morning.
const hot = 20

// words are in titles of seeded events.
var words = []string{"Night", "Harbour", "Live", "Letters", "Tour"}

// cities have venues in the seed.
var cities = []string{"London", "Berlin", "Paris", "Lisbon", "Tokyo"}

// fill puts values in place of the names in braces.
func (m *mix) fill(text string, random *rand.Rand) string {
	if !strings.Contains(text, "{") {
		return text
	}
	id := func(id int64) string { return strconv.FormatInt(id, 10) }
	values := map[string]func() string{
		"{event}":   func() string { return id(1 + random.Int64N(seed.Events)) },
		"{on_sale}": func() string { return id(m.onSale[random.IntN(len(m.onSale))]) },
		"{hot}":     func() string { return id(m.onSale[random.IntN(min(hot, len(m.onSale)))]) },
		"{popular}": func() string {
			return id(m.onSale[rand.NewZipf(random, popularity, 1, uint64(len(m.onSale)-1)).Uint64()])
		},
		"{word}":     func() string { return words[random.IntN(len(words))] },
		"{city}":     func() string { return cities[random.IntN(len(cities))] },
		"{email}":    func() string { return buyerEmail(random.IntN(seed.Users - 4)) },
		"{password}": func() string { return seed.Password },
	}
	return inBraces.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := values[name]; ok {
			return value()
		}
		return name // a brace of JSON
	})
}

var inBraces = regexp.MustCompile(`\{[a-z_]+\}`)

// buyerEmail is the address of a seeded buyer: user4@example.com and so on.
func buyerEmail(n int) string { return fmt.Sprintf("user%d@example.com", 4+n) }

// fewestLeft is how many tickets an event on sale has left at least, so that a measurement
// doesn't sell it out.
const fewestLeft = 300

// eventsOnSale are the ids of events that have not begun and won't sell out, the first of
// them the most popular.
func eventsOnSale(ctx context.Context, databaseURL string) (ids []int64, err error) {
	db, err := sqlx.Open("postgres", databaseURL)
	if err != nil {
		return nil, fmt.Errorf("read which events are on sale: %w", err)
	}
	defer func() { _ = db.Close() }()
	const query = `SELECT id FROM events WHERE remaining >= $1 AND starts_at > now() + interval '1 day' ORDER BY id`
	if err := db.SelectContext(ctx, &ids, query, fewestLeft); err != nil {
		return nil, fmt.Errorf("read which events are on sale: %w", err)
	}
	if len(ids) == 0 {
		return nil, errors.New("read which events are on sale: none is")
	}
	return ids, nil
}
