package load

import "example.com/boxoffice/tools/internal/course"

// JourneyScenario is a minute of a sale: most people look at what is on sale, some search,
// a few log in and order.
var JourneyScenario = course.Scenario{
	Text: "A minute of a sale: people look at events and pages of the list, search, log in and order.",
	Requests: []course.ScenarioRequest{
		{Method: "GET", Path: "/events/{popular}", Weight: 60},
		{Method: "GET", Path: "/events?limit=50", Weight: 20},
		{Method: "GET", Path: "/events?city={city}&limit=20", Weight: 8},
		{Method: "GET", Path: "/events?q={word}&limit=20", Weight: 5},
		{Method: "POST", Path: "/sessions", Body: `{"email": "{email}", "password": "{password}"}`, Weight: 2},
		{Method: "POST", Path: "/events/{on_sale}/orders", Body: `{"quantity": 1}`, As: course.AsBuyer, Weight: 5},
	},
	Steady:  10,
	Columns: []string{"sustained", "p50", "p99", "queries", "cpu"},
}
