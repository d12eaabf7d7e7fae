package contract

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/boxoffice/tools/lab"
)

// UserSignsUpAndLogsIn holds when POST /users answers 201 with the id and the email, and
// says nothing of the password; when the same address is refused with 409; and when
// POST /sessions gives a token with which GET /me answers who that is: a buyer.
func UserSignsUpAndLogsIn(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	someone := lab.User{Email: "new@example.com", Password: "a long pass phrase"}
	signUp := lab.POST("/users", lab.Body{"email": someone.Email, "password": someone.Password})

	var created User
	answer := app.Do(signUp).Expect(http.StatusCreated, "Nobody can buy without an account.").JSON(&created)
	lab.Require(t, created.ID > 0 && created.Email == someone.Email, lab.Finding{
		Measured: fmt.Sprintf("POST /users answered %s", answer.Body),
		Expected: `{"id":…,"email":"new@example.com"}`,
		Why:      "The contract with the clients names these two fields.",
		Try:      answer.Curl(),
	})
	lab.Require(t, !bytes.Contains(answer.Body, []byte("password")) && !bytes.Contains(answer.Body, []byte("$2a$")), lab.Finding{
		Measured: fmt.Sprintf("POST /users answered %s", answer.Body),
		Expected: "nothing about the password, the hash included",
		Why:      "A hash that gets out is guessed at leisure, on somebody else's machine.",
		Try:      answer.Curl(),
	})
	app.Do(signUp).Expect(http.StatusConflict, "Two accounts with one address would share their mail.")

	var me User
	answer = app.Do(lab.GET("/me").As(app.LogIn(someone))).Expect(http.StatusOK, "A client shows who is logged in.").JSON(&me)
	lab.Require(t, me == User{ID: created.ID, Email: someone.Email, Role: "buyer"}, lab.Finding{
		Measured: fmt.Sprintf("GET /me answered %s", answer.Body),
		Expected: fmt.Sprintf(`{"id":%d,"email":%q,"role":"buyer"}`, created.ID, someone.Email),
		Why:      "Whoever signs up is a buyer, and never an organiser.",
		Try:      answer.Curl(),
	})
}

// AddressIsOneInAnyCase holds when POST /users answers 409 to an address that differs from
// another's in small and capital letters alone, and when POST /sessions lets its owner in
// however they write it.
func AddressIsOneInAnyCase(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	const password = "a long pass phrase"
	signUp := func(email string) *lab.Response {
		return app.Do(lab.POST("/users", lab.Body{"email": email, "password": password}))
	}
	var created User
	answer := signUp("New.Fan@Example.com").Expect(http.StatusCreated, "Telephones begin an address with a capital letter.").JSON(&created)
	lab.Require(t, strings.EqualFold(created.Email, "New.Fan@Example.com"), lab.Finding{
		Measured: fmt.Sprintf("POST /users with the address New.Fan@Example.com answered %s", answer.Body),
		Expected: "that address, in capital or in small letters",
		Why:      "The contract with the clients names the id and the email.",
		Try:      answer.Curl(),
	})
	for _, email := range []string{"new.fan@example.com", "NEW.FAN@EXAMPLE.COM", strings.ToUpper(lab.Buyer.Email)} {
		signUp(email).Expect(http.StatusConflict, "Two accounts whose addresses differ in case alone belong to one mailbox, and nobody knows which of them they log in to. "+
			"This was "+email+".")
	}
	for _, email := range []string{"New.Fan@Example.com", "new.fan@example.com", "NEW.FAN@EXAMPLE.COM"} {
		var me User
		app.Do(lab.GET("/me").As(app.LogIn(lab.User{Email: email, Password: password}))).JSON(&me)
		lab.Require(t, me.ID == created.ID, lab.Finding{
			Measured: fmt.Sprintf("the user %d signed up as New.Fan@Example.com; whoever logs in as %s is the user %d", created.ID, email, me.ID),
			Expected: fmt.Sprintf("the user %d, however the address is written", created.ID),
			Why:      "People write their address in small letters today and with capitals tomorrow, and mean the same account.",
		})
	}
}

// LogInNeedsThePassword holds when POST /sessions answers 401 to a wrong password, and to an
// address that nobody has.
func LogInNeedsThePassword(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	const why = "Otherwise anybody is anybody."
	app.Do(lab.POST("/sessions", lab.Body{"email": lab.Buyer.Email, "password": "wrong"})).Expect(http.StatusUnauthorized, why)
	app.Do(lab.POST("/sessions", lab.Body{"email": "nobody@example.com", "password": lab.Buyer.Password})).Expect(http.StatusUnauthorized, why)
}

// LogOutEndsTheSession holds when DELETE /sessions answers 204, and its token 401 from then
// on, while the user's other tokens go on to work.
func LogOutEndsTheSession(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	ended, other := app.LogIn(lab.Buyer), app.LogIn(lab.Buyer)
	app.Do(lab.DELETE("/sessions").As(ended)).Expect(http.StatusNoContent, "Logging out works.")
	app.Do(lab.GET("/me").As(ended)).Expect(http.StatusUnauthorized, "A token left behind in a café must be worthless.")
	app.Do(lab.GET("/me").As(other)).Expect(http.StatusOK, "Logging out on the phone doesn't log out the laptop.")
}

// PrivateRoutesNeedAToken holds when each route that is somebody's own answers 401 without a
// token, and to one that is made up, and when a token counts behind the scheme Bearer alone.
func PrivateRoutesNeedAToken(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	for _, request := range []func() *lab.Request{
		func() *lab.Request { return lab.DELETE("/sessions") },
		func() *lab.Request { return lab.GET("/me") },
		func() *lab.Request { return lab.GET("/me/orders") },
		func() *lab.Request { return lab.GET("/orders/1") },
		func() *lab.Request { return lab.OrderOf(lab.OnSale, 1) },
		func() *lab.Request { return lab.PATCH("/events/1", lab.Body{"title": "Mine"}) },
	} {
		const why = "What belongs to a user is for that user alone."
		app.Do(request()).Expect(http.StatusUnauthorized, why)
		app.Do(request().As("made-up")).Expect(http.StatusUnauthorized, why)
	}
	token := app.LogIn(lab.Buyer)
	for _, scheme := range []string{"Bearer", "bearer"} {
		app.Do(lab.GET("/me").Header("Authorization", scheme+" "+token)).Expect(http.StatusOK,
			"The scheme's name may be written in small letters too: RFC 9110, section 11.1.")
	}
	for _, credentials := range []string{token, "Token " + token, "Bearer" + token} {
		app.Do(lab.GET("/me").Header("Authorization", credentials)).Expect(http.StatusUnauthorized,
			"A token comes as Authorization: Bearer TOKEN. What an API takes besides, some client will send, and no other server will take it.")
	}
}
