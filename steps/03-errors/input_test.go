package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// requireFields demands a 400 that names these fields, each with a word on it, and
// no others.
func requireFields(t *testing.T, answer *lab.Response, fields ...string) {
	t.Helper()
	answer.Expect(http.StatusBadRequest, "What is refused in time can be mended by whoever typed it. What is taken must be mended by you, in the database.")
	var p problemAnswer
	_ = json.Unmarshal(answer.Body, &p)
	var named []string
	for _, wrong := range p.Errors {
		if wrong.Detail != "" {
			named = append(named, wrong.Field)
		}
	}
	slices.Sort(named)
	slices.Sort(fields)
	lab.Require(t, slices.Equal(named, fields), lab.Finding{
		Measured: fmt.Sprintf("a 400 whose errors name %s: %s", list(named), excerpt(answer.Body)),
		Expected: fmt.Sprintf(`"errors":[{"field":…,"detail":…}] that names %s: each field that is wrong, and no other`, list(fields)),
		Why:      "A form shows each message beside its field. Told one at a time, people send the form once for each mistake, and then leave.",
		Try:      answer.Curl(),
	})
}

func list(fields []string) string {
	if len(fields) == 0 {
		return "no field"
	}
	return strings.Join(fields, " and ")
}

func TestSignUpNamesEachWrongField(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	signUp := func(email, password any) *lab.Response {
		return app.Do(lab.POST("/users", lab.Body{"email": email, "password": password}))
	}
	requireFields(t, signUp("not an address", "short"), "email", "password")
	requireFields(t, app.Do(lab.POST("/users", lab.Body{})), "email", "password")
	requireFields(t, signUp("ann@example.com", "short"), "password")
	requireFields(t, signUp("ann@example.com", strings.Repeat("p", 7)), "password")
	requireFields(t, signUp("ann@example.com", strings.Repeat("p", 73)), "password")
	answer := signUp("ann@example.com", strings.Repeat("ö", 40))
	lab.Require(t, answer.Status == http.StatusBadRequest, lab.Finding{
		Measured: fmt.Sprintf("a password of 40 ö, which are 80 bytes, was answered %d: %s", answer.Status, excerpt(answer.Body)),
		Expected: "400: a password has 72 bytes at most",
		Why:      "bcrypt takes 72 bytes. What is said about length must mean what bcrypt means by it.",
		Try:      answer.Curl(),
	})
	requireFields(t, answer, "password")
	longest := strings.Repeat("l", 64) + "@" + strings.Repeat(strings.Repeat("d", 59)+".", 3) + "ab.museum" // 254 bytes
	for _, email := range []string{
		"", "ann", "ann@", "@example.com", "Ann <ann@example.com>", "<ann@example.com>", "ann@@example.com", "ann@ben@example.com",
		"ann@example.com, ben@example.com", "ann@example.com,ben@example.com", "ann@example.com;ben@example.com",
		"ann@example.com\r\nBcc: ben@example.com", "ann@example.com\r\nBcc:ben@example.com", "ann@example.com\n", "ann\t@example.com",
		strings.Replace(longest, "@", "@d", 1), strings.Repeat("ü", 140) + "@example.com", // 255 bytes, and 292 of 152 letters
	} {
		requireFields(t, signUp(email, "long enough"), "email")
	}
	signUp(longest, "long enough").Expect(http.StatusCreated, "An address may have 254 bytes, and this one has them.")
	requireFields(t, signUp(17, "long enough"), "email")
	for _, email := range []string{"o'brien@example.com", "ann+tickets@example.com", "r&d/sound=a@tickets.example.museum", "a@b.example"} {
		signUp(email, "long enough").Expect(http.StatusCreated, "This is somebody's address: RFC 5322 allows each of its letters.")
	}
	for i, password := range []string{" 7 bytes", "7 bytes ", "ÜBER <b>&amp;%20\\\t"} {
		email := fmt.Sprintf("taken-as-it-is-%d@example.com", i)
		signUp(email, password).Expect(http.StatusCreated, fmt.Sprintf("A password may have from 8 to 72 bytes, whatever they are. This one is %q.", password))
		app.Do(lab.POST("/sessions", lab.Body{"email": email, "password": password})).Expect(http.StatusCreated,
			fmt.Sprintf("Somebody has signed up with the password %q, and nothing else opens their account.", password))
	}
	for _, length := range []int{8, 72} {
		signUp(fmt.Sprintf("ann%d@example.com", length), strings.Repeat("p", length)).
			Expect(http.StatusCreated, fmt.Sprintf("A password may have from 8 to 72 bytes, and this one has %d.", length))
	}
}

func TestOrderNamesTheWrongField(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	for _, quantity := range []any{0, -1, "two", 0.5, 1.5, true} {
		requireFields(t, app.Do(lab.OrderOf(lab.OnSale, quantity).As(token)), "quantity")
	}
	requireFields(t, app.Do(lab.POST("/events/42/orders", lab.Body{}).As(token)), "quantity")
}

func TestEventChangesAreChecked(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Organiser)
	change := func(change lab.Body) *lab.Response { return app.Do(lab.PATCH("/events/42", change).As(token)) }

	var free contract.Event
	answer := change(lab.Body{"price_cents": 0}).Expect(http.StatusOK, "A concert may be free. Zero is a price; only no price at all is none.").JSON(&free)
	lab.Require(t, free.PriceCents == 0 && free.Title == lab.OnSale.Title, lab.Finding{
		Measured: fmt.Sprintf("a change to the price 0 gave the price %d and the title %q", free.PriceCents, free.Title),
		Expected: fmt.Sprintf("the price 0 and the title as before: %q", lab.OnSale.Title),
		Why:      "What the body names is changed, what it leaves out is not. Zero is named.",
		Try:      answer.Curl(),
	})
	requireFields(t, change(lab.Body{"price_cents": -1}), "price_cents")
	requireFields(t, change(lab.Body{"price_cents": "free"}), "price_cents")
	requireFields(t, change(lab.Body{"title": ""}), "title")
	requireFields(t, change(lab.Body{"title": "", "price_cents": -1}), "price_cents", "title")
}

// goWords are those that encoding/json puts into its errors.
var goWords = regexp.MustCompile(`(?i)\bgo\b|json:|unmarshal|struct|\bu?int(8|16|32|64)?\b|float(32|64)|\bbool\b|\[\]|map\[|interface|\bnil\b`)

func TestWrongTypesAreToldInPlainWords(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	for _, wrong := range []any{"two", true, 1.5, []int{1}, lab.Body{"of": 1}} {
		for field, request := range map[string]*lab.Request{
			"quantity":    lab.OrderOf(lab.OnSale, wrong).As(buyer),
			"price_cents": lab.PATCH("/events/42", lab.Body{"price_cents": wrong}).As(organiser),
		} {
			requirePlainWords(t, app.Do(request), field)
		}
	}
	for _, wrong := range []any{17, true, []string{"ann@example.com"}, lab.Body{"of": 1}} {
		requirePlainWords(t, app.Do(lab.POST("/users", lab.Body{"email": wrong, "password": "long enough"})), "email")
		requirePlainWords(t, app.Do(lab.POST("/sessions", lab.Body{"email": lab.Buyer.Email, "password": wrong})), "password")
	}
}

// requirePlainWords demands a 400 that names the field, in words that its client knows.
func requirePlainWords(t *testing.T, answer *lab.Response, field string) {
	t.Helper()
	requireFields(t, answer, field)
	requireNoGoWords(t, answer)
}

func requireNoGoWords(t *testing.T, answer *lab.Response) {
	t.Helper()
	told := goWords.FindString(string(answer.Body))
	lab.Require(t, told == "", lab.Finding{
		Measured: fmt.Sprintf("a 400 tells the client %q: %s", told, excerpt(answer.Body)),
		Expected: "what the field takes, in the words of JSON: a string, a whole number, true or false, a list, an object",
		Why:      "Whoever calls you writes JavaScript or Swift, and knows neither an int64 nor a struct. And what your code is made of is nobody's business.",
		Try:      answer.Curl(),
	})
}

func TestListNamesTheWrongParts(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	requireFields(t, app.Do(lab.GET("/events?limit=0")), "limit")
	requireFields(t, app.Do(lab.GET("/events?limit=ten")), "limit")
	requireFields(t, app.Do(lab.GET("/events?limit=10abc")), "limit")
	requireFields(t, app.Do(lab.GET("/events?cursor=nowhere")), "cursor")
	requireFields(t, app.Do(lab.GET("/events?cursor=20x")), "cursor")
	requireFields(t, app.Do(lab.GET("/events?limit=101&cursor=nowhere")), "cursor", "limit")

	// Wrong alone, each part is named, or does no harm. Together, they are named all.
	var fields []string
	parts := []string{"limit=101", "cursor=nowhere", "q=%00", "city=%ff", "sort=title"}
	for _, part := range parts {
		if answer := app.Do(lab.GET("/events?%s", part)); answer.Status == http.StatusBadRequest {
			field, _, _ := strings.Cut(part, "=")
			fields = append(fields, field)
		}
	}
	requireFields(t, app.Do(lab.GET("/events?%s", strings.Join(parts, "&"))), fields...)
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	for _, c := range []struct {
		request *lab.Request
		unknown string
	}{
		{lab.POST("/events/42/orders", lab.Body{"quantity": 1, "total_cents": 1}).As(token), "total_cents"},
		{lab.POST("/users", lab.Body{"email": "ann@example.com", "password": "long enough", "role": "organiser"}), "role"},
		{lab.PATCH("/events/42", lab.Body{"price": 100}).As(app.LogIn(lab.Organiser)), "price"},
	} {
		answer := app.Do(c.request).Expect(http.StatusBadRequest,
			"Whoever sends "+c.unknown+" believes that it does something. A 2xx tells them that it did.")
		requireFields(t, answer, c.unknown)
	}
}

func TestBodyIsOneObject(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	for _, text := range []string{
		"", " ", `{"quantity":`, `{"quantity":1`, `[1]`, `"one"`, `quantity=1`,
		`{"quantity":1}{"quantity":2}`, `{"quantity":1} {"quantity":2}`, `{"quantity":1},`, `{"quantity":1}]`,
		`{"quantity":1}` + strings.Repeat(" ", 20<<10) + `{"quantity":2}`, `{"quantity":1}` + strings.Repeat("\n", 20<<10) + `]`,
	} {
		answer := app.Do(lab.POST("/events/42/orders", text).As(token))
		shown := fmt.Sprintf("%q", text)
		if len(text) > 100 {
			shown = fmt.Sprintf("%q, 20 KiB of space, %q", text[:14], strings.TrimSpace(text[14:]))
		}
		answer.Expect(http.StatusBadRequest,
			fmt.Sprintf("The body %s isn't one JSON object. Two programs that read it differently are how a check in front of your API is passed by.", shown))
	}
	organiser := app.LogIn(lab.Organiser)
	for _, text := range []string{"null", " null\n", "[]", "17"} {
		app.Do(lab.PATCH("/events/42", text).As(organiser)).Expect(http.StatusBadRequest,
			fmt.Sprintf("The body %q is no object, and this answer says that something was changed as it asks.", text))
	}
	app.Do(lab.POST("/events/42/orders", " {\"quantity\":1}\r\n").As(token)).Expect(http.StatusCreated, "Space around an object is no second one.")
}

const mebibyte = 1 << 20

func TestBodyIsLimited(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	// Just above 64 KiB, and just below.
	padded := func(kibibytes int, body string) string { return "{" + strings.Repeat(" ", kibibytes<<10) + body[1:] }
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	for _, c := range []struct {
		request func(body string) *lab.Request
		body    string
		status  int
	}{
		{func(body string) *lab.Request { return lab.POST("/users", body) }, `{"email":"%s@example.com","password":"long enough"}`, http.StatusCreated},
		{func(body string) *lab.Request { return lab.POST("/sessions", body) }, `{"email":"buyer@example.com","password":"%s"}`, http.StatusUnauthorized},
		{func(body string) *lab.Request { return lab.PATCH("/events/42", body).As(organiser) }, `{"title":"%s"}`, http.StatusOK},
		{func(body string) *lab.Request { return lab.POST("/events/42/orders", body).As(buyer) }, `{"quantity":1}`, http.StatusCreated},
	} {
		large, small := padded(80, c.body), padded(60, c.body)
		request := c.request(large)
		requireTooLarge(t, fmt.Sprintf("%s with a body of 80 KiB", request), app.Do(request), nil)
		requireTooLarge(t, fmt.Sprintf("%s with a body of 80 KiB sent in chunks", request), app.Do(c.request(large).Chunked()), nil)
		app.Do(c.request(strings.Replace(small, "%s", "ann", 1))).Expect(c.status, "The limit is 64 KiB, and this body has 60.")
		app.Do(c.request(strings.Replace(small, "%s", "ben", 1)).Chunked()).Expect(c.status,
			"The limit is 64 KiB, and this body has 60. It is sent in chunks, as a client does that makes it on the way, and so doesn't say so before.")
	}

	long := `{"email":"` + strings.Repeat("a", 2*mebibyte) + `"}`
	spaces := padded(2<<10, `{"email":"cat@example.com","password":"long enough"}`)
	for _, c := range []struct{ how, length, body string }{
		{"that says how long it is", fmt.Sprintf("Content-Length: %d", len(long)), long},
		{"sent in chunks", "Transfer-Encoding: chunked", chunk(long) + chunk("")},
		{"that is nearly all space", "Transfer-Encoding: chunked", chunk(spaces) + chunk("")},
	} {
		client := app.Dial(0)
		_ = client.Send(signUpHead + c.length + "\r\n\r\n")
		go func() { _ = client.Send(c.body) }() // it may be cut off
		answer, err := client.Response(5 * time.Second)
		requireTooLarge(t, "a body of 2 MiB "+c.how, answer, err)
	}
}

// The client announces a body without a length, sends 256 KiB of it, and stays.
func TestEndlessBodyIsRefusedBeforeItsEnd(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Env("READ_TIMEOUT=30s"))
	client := app.Dial(0)
	text := `{"email":"` + strings.Repeat("a", mebibyte/4)
	_ = client.Send(signUpHead + "Transfer-Encoding: chunked\r\n\r\n")
	go func() { _ = client.Send(chunk(text)) }()
	answer, err := client.Response(5 * time.Second)
	requireTooLarge(t, "256 KiB of a body whose end is not in sight", answer, err)
}

// signUpHead is the head of a request, up to the field that says how long its body is.
const signUpHead = "POST /users HTTP/1.1\r\nHost: boxoffice\r\nContent-Type: application/json\r\n"

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

func requireTooLarge(t *testing.T, what string, answer *lab.Response, err error) {
	t.Helper()
	lab.Require(t, err == nil && answer.Status == http.StatusRequestEntityTooLarge, lab.Finding{
		Measured: fmt.Sprintf("%s was answered with %s", what, statusOrError(answer, err)),
		Expected: "413 as soon as the body is too long, while the client may still be sending",
		Why:      "A body is kept in memory while it is read, and some never end. There are two ways to be late: to look at the size after all of it is read; and a limit inside of gin, which can't tell net/http to stop, so that the answer waits for more of the body.",
	})
}

func statusOrError(answer *lab.Response, err error) string {
	if err != nil {
		return "nothing: " + err.Error()
	}
	return fmt.Sprintf("a %d: %s", answer.Status, excerpt(answer.Body))
}

func TestOnlyJSONIsRead(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Organiser)
	change := func(contentType, text string) *lab.Response {
		return app.Do(lab.PATCH("/events/42", text).Header("Content-Type", contentType).As(token))
	}
	for _, contentType := range []string{
		"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/xml", "text/plain; note=application/json", "application/jsonish",
	} {
		change(contentType, `{"title":"Moved indoors"}`).Expect(http.StatusUnsupportedMediaType,
			"A form on any page can send text/plain to your API without asking. application/json makes the browser ask first. This one was "+contentType+".")
	}
	change("", `{"title":"Moved indoors"}`).Expect(http.StatusUnsupportedMediaType,
		"A browser sends a body without a Content-Type to any API, and doesn't ask first. This request had none.")
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"} {
		change(contentType, `{"title":"Moved indoors"}`).
			Expect(http.StatusOK, "This is JSON by every rule: names are in any case, and may have parameters. It was "+contentType+".")
	}
}

// What PostgreSQL can't store as text must not get as far as that.
func TestWhatIsNoTextIsRefused(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	for _, request := range []*lab.Request{
		lab.GET("/events?q=%%00"), lab.GET("/events?q=The%%00"), lab.GET("/events?q=%%ff%%fe"), lab.GET("/events?city=%%00"), lab.GET("/events?city=Br%%fcnn"),
		lab.POST("/users", lab.Body{"email": "ann\x00@example.com", "password": "long enough"}),
		lab.POST("/users", lab.Body{"email": letters(10_000) + "@example.com", "password": "long enough"}),
		lab.POST("/sessions", lab.Body{"email": "buyer\x00@example.com", "password": lab.Buyer.Password}),
		lab.PATCH("/events/42", lab.Body{"title": "Moved\x00indoors"}).As(organiser),
	} {
		answer := app.Do(request)
		empty := answer.Status == http.StatusOK && strings.Contains(string(answer.Body), `"events":[]`)
		lab.Require(t, answer.Status >= http.StatusBadRequest && answer.Status < http.StatusInternalServerError || empty, lab.Finding{
			Measured: fmt.Sprintf("%s answered %d: %s", request, answer.Status, excerpt(answer.Body)),
			Expected: "a 4xx, or an empty list: zero bytes, what isn't UTF-8, and addresses of 10,000 letters are the client's mistake",
			Why: "Each 5xx is an alarm for somebody, and nobody should be woken by a stranger's typing. A 2xx is a lie: whoever takes the bad letters out " +
				"makes an account of an address that nobody typed, and a list of something that nobody asked for.",
			Try: answer.Curl(),
		})
	}
	for _, title := range []string{"Br\xfcnn moves", `Half a \ud83c moves`} {
		answer := app.Do(lab.PATCH("/events/42", `{"title":"`+title+`"}`).Header("Content-Type", "application/json").As(organiser))
		lab.Require(t, answer.Status == http.StatusBadRequest, lab.Finding{
			Measured: fmt.Sprintf("PATCH /events/42 with a title that isn't UTF-8, %q, answered %d: %s", title, answer.Status, excerpt(answer.Body)),
			Expected: "400",
			Why:      "encoding/json puts U+FFFD, a question mark in a diamond, in the place of what it can't read, and says nothing. The title that you have sold tickets for is gone.",
		})
	}
	for _, password := range []string{"\xfcbermut und mehr", "\xe4\xf6\xfc\xe4\xf6\xfc\xe4\xf6", `\ud83c\ud83c\ud83c`, `long\u0000enough`} {
		body := `{"email":"` + letters(8) + `@example.com","password":"` + password + `"}`
		answer := app.Do(lab.POST("/users", body).Header("Content-Type", "application/json"))
		lab.Require(t, answer.Status == http.StatusBadRequest, lab.Finding{
			Measured: fmt.Sprintf("POST /users with a password that isn't UTF-8 or has a zero byte, %q, answered %d: %s", password, answer.Status, excerpt(answer.Body)),
			Expected: "400",
			Why:      "encoding/json puts U+FFFD in the place of each byte that it can't read. All passwords of eight such bytes are one and the same, and whoever tries eight others gets in.",
		})
	}
}

func TestQueryThatCannotBeReadIsRefused(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	for _, query := range []string{"city=100%", "q=%zz", "limit=5;sort=price_cents", "sort=price_cents&limit=%5"} {
		answer := app.Do(lab.GET("/events?%s", query))
		lab.Require(t, answer.Status == http.StatusBadRequest, lab.Finding{
			Measured: fmt.Sprintf("GET /events?%s answered %d: %s", query, answer.Status, excerpt(answer.Body)),
			Expected: "400: the query has a % that stands before no two hexadecimal digits, or a semicolon between its parts",
			Why:      "c.Query leaves out what it can't read. Whoever filters by it gets the list of everything, and believes it.",
			Try:      answer.Curl(),
		})
	}
	app.Do(lab.GET("/events?q=50%%25")).Expect(http.StatusOK, "A percent sign that is written as it has to be is a percent sign.")
}

// letters is text that can't be compressed.
func letters(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = 'a' + byte(rand.IntN(26))
	}
	return string(text)
}
