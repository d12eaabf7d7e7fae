package load

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"example.com/boxoffice/tools/internal/course"
)

func TestEveryAPIGetsTheSameRequests(t *testing.T) {
	t.Parallel()
	requests := []course.ScenarioRequest{
		{Method: "GET", Path: "/events/{popular}", Weight: 3},
		{Method: "POST", Path: "/events/{on_sale}/orders", Body: `{"quantity": 1}`, As: course.AsBuyer},
	}
	onSale := []int64{42, 50, 51, 52, 60}
	list := func() (urls []string) {
		m := newMix(requests, onSale)
		next := m.targeter("x", []string{"token"})
		for range 1000 {
			var target vegeta.Target
			require.NoError(t, next(&target))
			urls = append(urls, target.Method+" "+target.URL+" "+string(target.Body)+" "+target.Header.Get("Authorization"))
		}
		return urls
	}
	urls := list()
	require.Equal(t, urls, list())
	count := func(part string) (n int) {
		for _, url := range urls {
			if strings.Contains(url, part) {
				n++
			}
		}
		return n
	}
	require.InDelta(t, 250, count(`/orders {"quantity": 1} Bearer token`), 60, "a quarter are orders")
	require.Greater(t, count("GET http://x/events/42 "), 2*count("GET http://x/events/52 "), "the first is the most popular")
}

func TestNamesInBracesAreFilled(t *testing.T) {
	t.Parallel()
	m := newMix([]course.ScenarioRequest{{Method: "GET", Path: "/"}}, []int64{42})
	_, random := m.nth(1)
	require.Equal(t, "/events/42", m.fill("/events/{on_sale}", random))
	require.Equal(t, "/events/42", m.fill("/events/{popular}", random))
	id, err := strconv.Atoi(m.fill("{event}", random))
	require.NoError(t, err)
	require.Positive(t, id)
	require.Contains(t, m.fill(`{"email": "{email}"}`, random), "@example.com")
	require.Equal(t, `{"a": {}}`, m.fill(`{"a": {}}`, random), "braces of JSON stay")
}
