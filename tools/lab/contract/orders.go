package contract

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// OrderIsConfirmed holds when POST /events/:id/orders answers 201 with the order and its total;
// when the tickets are gone from the list; and when GET /orders/:id and GET /me/orders, the
// newest first, show the same order.
func OrderIsConfirmed(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)

	var order Order
	answer := app.Do(lab.OrderOf(lab.OnSale, 2).As(token)).Expect(http.StatusCreated, "Selling tickets is what this API is for.").JSON(&order)
	lab.Require(t, order.ID > 0 && order.EventID == lab.OnSale.ID && order.Quantity == 2 && order.TotalCents == 2*lab.OnSale.PriceCents &&
		order.Status == "confirmed" && time.Since(order.CreatedAt).Abs() < time.Hour, lab.Finding{
		Measured: fmt.Sprintf("an order of 2 tickets at %d cents answered %s", lab.OnSale.PriceCents, answer.Body),
		Expected: fmt.Sprintf(`{"id":…,"event_id":%d,"quantity":2,"total_cents":%d,"status":"confirmed","created_at":…}`, lab.OnSale.ID, 2*lab.OnSale.PriceCents),
		Why:      "The buyer pays what this answer says.",
		Try:      answer.Curl(),
	})
	left := Listed(t, app, lab.OnSale.Title).Remaining
	lab.Require(t, left == lab.OnSale.Remaining-2, lab.Finding{
		Measured: fmt.Sprintf("%d tickets remain after 2 of %d were bought", left, lab.OnSale.Remaining),
		Expected: fmt.Sprint(lab.OnSale.Remaining - 2),
		Why:      "What is sold must be gone for the next buyer.",
		Try:      answer.Curl(),
	})
	var again Order
	app.Do(lab.GET("/orders/%d", order.ID).As(token)).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&again)
	mine := OrdersOf(t, app, token)
	lab.Require(t, same(again, order) && len(mine) > 0 && same(mine[0], order), lab.Finding{
		Measured: fmt.Sprintf("GET /orders/%d answered %+v, and GET /me/orders has %d orders", order.ID, again, len(mine)),
		Expected: fmt.Sprintf("the order as it was confirmed, first in the list: %+v", order),
		Why:      "Buyers look up what they bought, the newest first.",
	})
}

// OrderIsConfirmedByMail holds when an order sends a mail about the event to the buyer alone,
// within 5 s, with how many tickets it is for and what they cost in all.
func OrderIsConfirmedByMail(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	app.Do(lab.OrderOf(lab.OnSale, 3).As(app.LogIn(lab.Buyer))).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	lab.Eventually(t, 5*time.Second, func() bool { return app.Mail.Count() > 0 }, lab.Finding{
		Measured: "no mail after an order",
		Expected: "one mail to the buyer",
		Why:      "Buyers without a mail order again, or call.",
	})
	mail := app.Mail.Messages()[0]
	lab.Require(t, len(mail.To) == 1 && mail.To[0] == lab.Buyer.Email && strings.Contains(mail.Subject+mail.Body, lab.OnSale.Title), lab.Finding{
		Measured: fmt.Sprintf("a mail to %v with the subject %q", mail.To, mail.Subject),
		Expected: fmt.Sprintf("a mail to %s about %q", lab.Buyer.Email, lab.OnSale.Title),
		Why:      "A ticket in somebody else's mailbox is a ticket lost.",
	})
	total := 3 * lab.OnSale.PriceCents
	lab.Require(t, strings.Contains(mail.Body, "3") && strings.Contains(mail.Body, fmt.Sprintf("%d.%02d", total/100, total%100)), lab.Finding{
		Measured: fmt.Sprintf("the mail about 3 tickets, %d cents in all, says %q", total, mail.Body),
		Expected: fmt.Sprintf("that it is 3 tickets, and what they cost: %d.%02d", total/100, total%100),
		Why:      "The mail is all that buyers keep. A wrong sum in it is a dispute with the bank.",
	})
}

// OrderMailIsWellFormed holds when the mail about an order is one that real mail servers take, whatever
// the event is called, and says what it has to, to nobody else. The lab's server is strict: see
// tools/internal/smtpd/strict.go.
func OrderMailIsWellFormed(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	for _, title := range []string{
		"Café Müller: Zwölf Nächte in Kraków", "日本武道館 " + strings.Repeat("夜", 60), strings.Repeat("Long ", 40),
		"A\r\nBcc: thief@example.com\r\n\r\nPay here", ".\r\n.", "\"Quotes\" <and@brackets>, \tand blanks",
	} {
		changed := app.Do(lab.PATCH(fmt.Sprintf("/events/%d", lab.OnSale.ID), lab.Body{"title": title}).As(organiser))
		if changed.Status == http.StatusBadRequest {
			continue // such a title isn't taken
		}
		changed.Expect(http.StatusOK, "Organisers name their events.")
		before := app.Mail.Count()
		app.Do(lab.OrderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
		lab.Within(5*time.Second, func() bool { return app.Mail.Count() > before || len(app.Mail.Complaints()) > 0 })
		said := app.Mail.Complaints()
		lab.Require(t, app.Mail.Count() == before+1 && len(said) == 0, lab.Finding{
			Measured: fmt.Sprintf("an event was called %q, and a ticket ordered; the mail server took %d mails, and refused this many: %d%s", title, app.Mail.Count()-before, len(said), first(said)),
			Expected: "one mail, as servers take it: with Date, From, Message-ID and MIME-Version, and what is beyond ASCII encoded",
			Why:      "Mail servers, and the filters behind them, refuse what isn't so, or throw it away without a word. In development, nobody does.",
			Try:      "open https://www.rfc-editor.org/rfc/rfc5322#section-3.6",
		})
		mail := app.Mail.Messages()[before]
		words := strings.Join(strings.Fields(mail.Subject), " ")
		lab.Require(t, len(mail.To) == 1 && mail.To[0] == lab.Buyer.Email && mail.Header.Get("Bcc") == "" && strings.Contains(words, strings.Join(strings.Fields(title), " ")), lab.Finding{
			Measured: fmt.Sprintf("an event was called %q; the mail about a ticket went to %v, with the headers %v and the subject %q", title, mail.To, headers(mail), mail.Subject),
			Expected: fmt.Sprintf("the event's name in the subject, to %s and nobody else", lab.Buyer.Email),
			Why:      "A line break in a title ends the header. What is behind it is the next header, or the mail that somebody else has written.",
		})
	}
}

// first is a line with the first of what was said, or nothing.
func first(said []string) string {
	if len(said) == 0 {
		return ""
	}
	return "\n" + said[0]
}

// headers are the names of a mail's headers.
func headers(m lab.Mail) []string { return slices.Sorted(maps.Keys(m.Header)) }

// OrderMailIsEncrypted holds when the mail about an order goes over TLS to a mail server that offers it
// (STARTTLS), and nowhere when nobody vouches for the server's certificate.
func OrderMailIsEncrypted(t *testing.T) {
	t.Helper()
	t.Parallel()
	for _, trusted := range []bool{false, true} {
		var options []lab.Option
		if trusted {
			options = append(options, lab.Env("SSL_CERT_FILE="+lab.MailCertificate(t)))
		}
		app := lab.Start(t, options...)
		if err := app.Mail.OfferTLS(); err != nil {
			t.Fatal(err)
		}
		app.Do(lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer))).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
		lab.Within(5*time.Second, func() bool { return app.Mail.Handshakes() > 0 || app.Mail.Count() > 0 })
		clear := slices.ContainsFunc(app.Mail.Messages(), func(m lab.Mail) bool { return !m.Encrypted })
		lab.Require(t, app.Mail.Handshakes() > 0 && !clear, lab.Finding{
			Measured: fmt.Sprintf("the mail server offers STARTTLS; TLS was begun %d times, and %d mails came, unencrypted: %t", app.Mail.Handshakes(), app.Mail.Count(), clear),
			Expected: "that whoever hands a mail over takes the offer, or hands nothing over",
			Why:      "In a mail stand a name, an address, and a ticket that somebody else can use. Everybody between the two servers can read it.",
		})
		if !trusted {
			lab.Within(300*time.Millisecond, func() bool { return app.Mail.Count() > 0 })
			lab.Require(t, app.Mail.Count() == 0, lab.Finding{
				Measured: fmt.Sprintf("the mail server's certificate is one that nobody vouches for, and it was handed %d mails", app.Mail.Count()),
				Expected: "none",
				Why:      "Anybody between the two servers can make such a certificate, and then reads all mails all the same.",
			})
			continue
		}
		if runtime.GOOS == "darwin" {
			continue // there, Go trusts what the system does, and nothing else
		}
		lab.Eventually(t, 5*time.Second, func() bool { return app.Mail.Count() > 0 }, lab.Finding{
			Measured: "the mail server offers STARTTLS, with a certificate that the API trusts (SSL_CERT_FILE), and no mail came",
			Expected: "one mail",
			Why:      "Buyers without a mail order again, or call.",
		})
	}
}

// OrderNeedsAnEvent holds when POST /events/:id/orders answers 404 where there is no such event,
// and 400 to a bad id, to half a body and to a quantity that is no number.
func OrderNeedsAnEvent(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	app.Do(lab.POST("/events/999999999/orders", lab.Body{"quantity": 1}).As(token)).Expect(http.StatusNotFound, "There is no such event.")
	app.Do(lab.POST("/events/abc/orders", lab.Body{"quantity": 1}).As(token)).Expect(http.StatusBadRequest, "abc is no id.")
	app.Do(lab.POST(fmt.Sprintf("/events/%d/orders", lab.OnSale.ID), `{"quantity":`).As(token)).Expect(http.StatusBadRequest, "Half a body is no body.")
	app.Do(lab.OrderOf(lab.OnSale, "two").As(token)).Expect(http.StatusBadRequest, "A word is no number.")
}

// NumbersMayBeLarge holds when users, events and orders whose ids are beyond 32 bits, and sums that
// are, come through each route as they are.
func NumbersMayBeLarge(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	const (
		beyond = 5_000_000_000 // 2³² is 4,294,967,296
		price  = 1_000_000_000
		why    = "Ids go on for years, and some systems give them out in blocks. Whoever counts in 32 bits finds out on the day that they are used up."
	)
	var event int64
	require.NoError(t, app.DB().QueryRow(`
		INSERT INTO events (id, venue_id, title, description, starts_at, price_cents, remaining)
		OVERRIDING SYSTEM VALUE SELECT $1, venue_id, 'The Last Number', description, starts_at, $2, 10 FROM events WHERE id = $3
		RETURNING id`, beyond+1, price, lab.OnSale.ID).Scan(&event))
	for _, table := range []string{"users", "orders"} {
		_, err := app.DB().Exec(`SELECT setval(pg_get_serial_sequence($1, 'id'), $2)`, table, beyond)
		require.NoError(t, err)
	}

	someone := lab.User{Email: "late@example.com", Password: "a long pass phrase"}
	var created, me User
	app.Do(lab.POST("/users", lab.Body{"email": someone.Email, "password": someone.Password})).Expect(http.StatusCreated, why).JSON(&created)
	token := app.LogIn(someone)
	app.Do(lab.GET("/me").As(token)).Expect(http.StatusOK, why).JSON(&me)

	var shown Event
	app.Do(lab.GET("/events/%d", event)).Expect(http.StatusOK, why).JSON(&shown)
	var order, again Order
	app.Do(lab.POST(fmt.Sprintf("/events/%d/orders", event), lab.Body{"quantity": 8}).As(token)).Expect(http.StatusCreated, why).JSON(&order)
	app.Do(lab.GET("/orders/%d", order.ID).As(token)).Expect(http.StatusOK, why).JSON(&again)
	mine := OrdersOf(t, app, token)
	lab.Require(t, created.ID > beyond && me.ID == created.ID && shown.ID == event && shown.PriceCents == price &&
		order.ID > beyond && order.EventID == event && order.TotalCents == 8*price && same(again, order) && len(mine) == 1 && same(mine[0], order), lab.Finding{
		Measured: fmt.Sprintf("the user %d is %d in GET /me; the event %d is %d, at %d cents; 8 tickets for it are the order %+v, which GET /orders/:id shows as %+v, and GET /me/orders as %+v",
			created.ID, me.ID, event, shown.ID, shown.PriceCents, order, again, mine),
		Expected: fmt.Sprintf("ids above %d, the same in each answer, and the sum %d", int64(beyond), int64(8*price)),
		Why:      why,
	})
}

// OrdersAreTheirOwners holds when GET /orders/:id answers 404 to anybody but the buyer, as for an
// order that doesn't exist, and when GET /me/orders has a buyer's own orders alone.
func OrdersAreTheirOwners(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	buyer, other := app.LogIn(lab.Buyer), app.LogIn(lab.OtherBuyer)
	var order Order
	app.Do(lab.OrderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "Selling tickets is what this API is for.").JSON(&order)

	app.Do(lab.GET("/orders/%d", order.ID).As(other)).
		Expect(http.StatusNotFound, "Whoever counts through the ids must not even learn which ones exist.")
	app.Do(lab.GET("/orders/999999999").As(buyer)).Expect(http.StatusNotFound, "There is no such order.")
	app.Do(lab.GET("/orders/abc").As(buyer)).Expect(http.StatusBadRequest, "abc is no id.")
	for _, theirs := range OrdersOf(t, app, other) {
		lab.Require(t, theirs.ID != order.ID, lab.Finding{
			Measured: fmt.Sprintf("GET /me/orders of one buyer shows order %d of another", order.ID),
			Expected: "a buyer's own orders alone",
			Why:      "What people bought is nobody else's business, by law too.",
		})
	}
}

// OrdersShowTheirEvents holds when GET /me/orders has all orders that a buyer has made, those
// for events of the past included, the newest first, and each with its own event as a list
// shows it.
func OrdersShowTheirEvents(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	_, err := app.DB().Exec(`
		INSERT INTO orders (user_id, event_id, quantity, total_cents)
		SELECT id, $1, 1, $2 FROM users WHERE email = $3`, lab.Past.ID, lab.Past.PriceCents, lab.Buyer.Email)
	require.NoError(t, err)
	var shown struct {
		Orders []struct {
			Order
			Event *Event
		}
	}
	answer := app.Do(lab.GET("/me/orders").As(app.LogIn(lab.Buyer))).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&shown)
	want := storedOrders(t, app, lab.Buyer)
	lab.Require(t, len(shown.Orders) == len(want), lab.Finding{
		Measured: fmt.Sprintf("GET /me/orders has %d orders", len(shown.Orders)),
		Expected: fmt.Sprintf("%d, as the buyer has made, those for evenings that are over included", len(want)),
		Why:      "Whoever wants their money back for last night needs the order.",
		Try:      answer.Curl(),
	})
	for i, order := range shown.Orders {
		lab.Require(t, order.ID == want[i].ID && order.EventID == want[i].EventID && order.Quantity == want[i].Quantity && order.TotalCents == want[i].TotalCents, lab.Finding{
			Measured: fmt.Sprintf("GET /me/orders has at place %d: order %d, %d tickets for event %d, %d cents", i+1, order.ID, order.Quantity, order.EventID, order.TotalCents),
			Expected: fmt.Sprintf("order %d, %d tickets for event %d, %d cents: the newest first, as they are in the database", want[i].ID, want[i].Quantity, want[i].EventID, want[i].TotalCents),
			Why:      "Buyers look for what they have just bought.",
			Try:      answer.Curl(),
		})
		line := "no event"
		if order.Event != nil {
			line = fmt.Sprintf("event %d, %s, and %d bytes of description", order.Event.ID, order.Event.Line(), len(order.Event.Description))
		}
		stored := Stored(t, app, order.EventID)
		wanted := fmt.Sprintf("event %d, %s, and %d bytes of description", stored.ID, stored.Line(), 0)
		lab.Require(t, line == wanted, lab.Finding{
			Measured: fmt.Sprintf("GET /me/orders shows order %d, which is for event %d, with %s", order.ID, order.EventID, line),
			Expected: wanted,
			Why:      "The list is what a buyer shows at the door. With another event in it, or none, they stand at the wrong one.",
			Try:      answer.Curl(),
		})
	}
}

// storedOrders are a buyer's orders as they are in the database, the newest first.
func storedOrders(t *testing.T, app *lab.App, buyer lab.User) (orders []Order) {
	t.Helper()
	rows, err := app.DB().Query(`
		SELECT o.id, o.event_id, o.quantity, o.total_cents FROM orders o JOIN users u ON u.id = o.user_id
		WHERE u.email = $1 ORDER BY o.id DESC`, buyer.Email)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var o Order
		require.NoError(t, rows.Scan(&o.ID, &o.EventID, &o.Quantity, &o.TotalCents))
		orders = append(orders, o)
	}
	require.NoError(t, rows.Err())
	return orders
}

// OrderPage is what GET /me/orders answers.
type OrderPage struct {
	Orders []Order
	Next   string // the cursor of the page after it, "" on the last
}

// OrdersComeInPages holds when GET /me/orders answers a buyer of many orders the newest 100, and
// where the next page begins; when the pages follow each other, each order once, though another
// one is made meanwhile; when a page costs what is on it, however many there are; and when it
// answers 400 to a limit that is no whole number from 1 to 100, and to what was never a cursor.
func OrdersComeInPages(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	_, err := app.DB().Exec(`
		INSERT INTO orders (user_id, event_id, quantity, total_cents)
		SELECT user_id, event_id, quantity, total_cents FROM orders o, generate_series(1, 4)
		WHERE user_id = (SELECT id FROM users WHERE email = $1)`, lab.Buyer.Email)
	require.NoError(t, err)
	const many = 300

	first := orderPage(app, token, "/me/orders")
	lab.Require(t, len(first.Orders) == 100 && first.Next != "" && newestFirst(first.Orders), lab.Finding{
		Measured: fmt.Sprintf("GET /me/orders of a buyer with %d orders answered %d of them and the next page %q", many, len(first.Orders), first.Next),
		Expected: "the newest 100, and where the next page begins",
		Why:      "An agency has bought for years. Its list takes hundreds of megabytes, and whoever asks for it a few times at once has the kernel kill the API.",
	})

	before := app.Postgres.Stats()
	page := orderPage(app, token, "/me/orders?limit=40")
	rows := app.Postgres.Stats().Since(before).Rows
	lab.Require(t, len(page.Orders) == 40 && rows <= 4*40, lab.Finding{
		Measured: fmt.Sprintf("GET /me/orders?limit=40 of a buyer with %d orders answered %d of them, and took %d rows from PostgreSQL", many, len(page.Orders), rows),
		Expected: "40 orders, and no more rows than they and their events have",
		Why:      "A limit that is kept after everything was read saves nothing but the answer.",
	})
	app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Tickets are bought while somebody turns the pages.")
	all := page.Orders
	for range many {
		if page.Next == "" {
			break
		}
		page = orderPage(app, token, "/me/orders?limit=40&cursor="+url.QueryEscape(page.Next))
		all = append(all, page.Orders...)
	}
	lab.Require(t, len(all) == many && newestFirst(all), lab.Finding{
		Measured: fmt.Sprintf("a buyer with %d orders turned pages of 40, and bought once more after the first one; the pages held %d orders, each older than the one before: %v",
			many, len(all), newestFirst(all)),
		Expected: fmt.Sprintf("those %d, the newest first, and none of them twice", many),
		Why:      "A list that moves under its reader shows some orders twice, and others never.",
	})
	for _, bad := range []string{"limit=0", "limit=-1", "limit=101", "limit=ten", "limit=1.5", "cursor=abc", "cursor=-1", "cursor=99999999999999999999"} {
		app.Do(lab.GET("/me/orders?%s", bad).As(token)).Expect(http.StatusBadRequest, "A list without a limit is one request away from reading the whole table, and what is no cursor is no place in it.")
	}
}

func orderPage(app *lab.App, token, path string) (page OrderPage) {
	app.Do(lab.GET("%s", path).As(token)).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&page)
	return page
}

// newestFirst reports whether each order is older than the one before it.
func newestFirst(orders []Order) bool {
	return slices.IsSortedFunc(orders, func(a, b Order) int { return cmp.Compare(b.ID, a.ID) }) &&
		len(slices.CompactFunc(slices.Clone(orders), func(a, b Order) bool { return a.ID == b.ID })) == len(orders)
}
