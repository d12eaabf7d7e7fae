// Command boxoffice sells tickets. All of it is in this file; read it from the
// top.
//
//	boxoffice migrate   brings the database's schema up to date
//	boxoffice serve     answers requests; what it does without a command, too
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/wneessen/go-mail"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	if err := run(strings.Join(os.Args[1:], " ")); err != nil {
		fmt.Fprintln(os.Stderr, "boxoffice:", err)
		os.Exit(1)
	}
}

func run(command string) error {
	if os.Getenv("DATABASE_URL") == "" {
		return errors.New("DATABASE_URL is not set, so there is no database to use\n" +
			"`go tool workshop run 01` starts one and sets it. With a PostgreSQL of your own:\n" +
			"  export DATABASE_URL='postgres://USER:PASSWORD@localhost:5432/DATABASE?sslmode=disable'\n" +
			"  go run . migrate && go run . serve")
	}
	if _, err := pq.NewConfig(os.Getenv("DATABASE_URL")); err != nil {
		// What lib/pq says of it has pieces of the password in it.
		return errors.New("DATABASE_URL can't be read as postgres://USER:PASSWORD@HOST:PORT/DATABASE\n" +
			"In a password, / ? # @ : % and blanks are written as %2F %3F %23 %40 %3A %25 and %20")
	}
	switch command {
	case "", "serve":
		return routes().Run(cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"))
	case "migrate":
		return migrate()
	default:
		return fmt.Errorf("there is no command %q: use `boxoffice serve` or `boxoffice migrate`", command)
	}
}

func routes() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // the debug mode writes lines of its own into the log
	r := gin.Default()
	r.POST("/users", withDB(signUp))
	r.POST("/sessions", withDB(logIn))
	r.GET("/events", withDB(listEvents))
	r.GET("/events/:id", withDB(getEvent))

	users := r.Group("/", requireLogin)
	users.DELETE("/sessions", logOut)
	users.GET("/me", withDB(me))
	users.PATCH("/events/:id", withDB(changeEvent))
	users.POST("/events/:id/orders", withDB(createOrder))
	users.GET("/orders/:id", withDB(getOrder))
	users.GET("/me/orders", withDB(myOrders))
	return r
}

// User is somebody who has signed up. The role is buyer or organiser.
type User struct {
	ID           int64     `json:"id" db:"id"`
	Email        string    `json:"email" db:"email"`
	PasswordHash string    `json:"-" db:"password_hash"`
	Role         string    `json:"role" db:"role"`
	CreatedAt    time.Time `json:"-" db:"created_at"`
}

// Event is something to buy tickets for. Lists leave out the description.
type Event struct {
	ID          int64     `json:"id" db:"id"`
	Title       string    `json:"title" db:"title"`
	Description string    `json:"description,omitempty" db:"description"`
	StartsAt    time.Time `json:"starts_at" db:"starts_at"`
	PriceCents  int64     `json:"price_cents" db:"price_cents"`
	Remaining   int       `json:"remaining" db:"remaining"`
	VenueID     int64     `json:"-" db:"venue_id"`
	Venue       Venue     `json:"venue" db:"-"`
	CreatedAt   time.Time `json:"-" db:"created_at"`
}

// Venue is where an event takes place.
type Venue struct {
	ID       int64  `json:"id" db:"id"`
	Name     string `json:"name" db:"name"`
	City     string `json:"city" db:"city"`
	Capacity int    `json:"-" db:"capacity"`
}

// Order is a number of tickets that somebody bought.
type Order struct {
	ID         int64     `json:"id" db:"id"`
	UserID     int64     `json:"-" db:"user_id"`
	EventID    int64     `json:"event_id" db:"event_id"`
	Event      *Event    `json:"event,omitempty" db:"-"` // in lists
	Quantity   int       `json:"quantity" db:"quantity"`
	TotalCents int64     `json:"total_cents" db:"total_cents"`
	Status     string    `json:"status" db:"status"`
	CreatedAt  time.Time `json:"created_at" db:"created_at"`
}

// normalEmail is the form in which an address is stored and looked for. People write
// theirs in small letters and in capitals, and mean the same account.
func normalEmail(address string) string { return strings.ToLower(address) }

type credentials struct {
	Email    string `json:"email" binding:"required"`
	Password string `json:"password" binding:"required"`
}

func signUp(c *gin.Context, db *sqlx.DB) {
	var in credentials
	if err := c.ShouldBindJSON(&in); err != nil {
		refuse(c, http.StatusBadRequest, err.Error())
		return
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(in.Password), bcrypt.DefaultCost)
	if err != nil { // longer than the 72 bytes that bcrypt takes
		refuse(c, http.StatusBadRequest, err.Error())
		return
	}
	var user User
	err = db.Get(&user, `INSERT INTO users (email, password_hash) VALUES ($1, $2) RETURNING *`, normalEmail(in.Email), string(hash))
	if pq.As(err, pqerror.UniqueViolation) != nil {
		refuse(c, http.StatusConflict, "this e-mail address is taken")
		return
	}
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusCreated, gin.H{"id": user.ID, "email": user.Email})
}

// region sessions

// sessions maps the token of everybody who is logged in to their user's id.
var sessions = struct {
	sync.Mutex
	userIDs map[string]int64
}{userIDs: map[string]int64{}}

// endregion

func logIn(c *gin.Context, db *sqlx.DB) {
	var in credentials
	if err := c.ShouldBindJSON(&in); err != nil {
		refuse(c, http.StatusBadRequest, err.Error())
		return
	}
	var user User
	err := db.Get(&user, `SELECT * FROM users WHERE email = $1`, normalEmail(in.Email))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		fail(c, err)
		return
	}
	if bcrypt.CompareHashAndPassword([]byte(user.PasswordHash), []byte(in.Password)) != nil {
		refuse(c, http.StatusUnauthorized, "wrong e-mail address or password")
		return
	}
	token := rand.Text()
	sessions.Lock()
	sessions.userIDs[token] = user.ID
	sessions.Unlock()
	c.JSON(http.StatusCreated, gin.H{"token": token})
}

func logOut(c *gin.Context) {
	sessions.Lock()
	delete(sessions.userIDs, bearerToken(c))
	sessions.Unlock()
	c.Status(http.StatusNoContent)
}

func me(c *gin.Context, db *sqlx.DB) {
	user, err := currentUser(c, db)
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, user)
}

// region list

// listEvents answers a page of the events to come. The cursor is the number of
// events on the pages before.
func listEvents(c *gin.Context, db *sqlx.DB) {
	limit, err := strconv.Atoi(c.DefaultQuery("limit", "20"))
	if err != nil || limit < 1 || limit > 100 {
		refuse(c, http.StatusBadRequest, "limit must be a number from 1 to 100")
		return
	}
	offset, err := strconv.Atoi(c.DefaultQuery("cursor", "0"))
	if err != nil || offset < 0 {
		refuse(c, http.StatusBadRequest, "cursor must be the next of the page before")
		return
	}
	events := []Event{}
	err = db.Select(&events, `
		SELECT * FROM events
		WHERE starts_at > now()
		  AND ($1 = '' OR venue_id IN (SELECT id FROM venues WHERE city = $1))
		  AND title ILIKE '%' || $2 || '%'
		ORDER BY starts_at, id LIMIT $3 OFFSET $4`, c.Query("city"), c.Query("q"), limit, offset)
	if err != nil {
		fail(c, err)
		return
	}
	for i := range events {
		events[i].Description = ""
		if err := db.Get(&events[i].Venue, `SELECT * FROM venues WHERE id = $1`, events[i].VenueID); err != nil {
			fail(c, err)
			return
		}
	}
	next := "" // the last page
	if len(events) == limit {
		next = strconv.Itoa(offset + limit)
	}
	c.JSON(http.StatusOK, gin.H{"events": events, "next": next})
}

// endregion

// region getEvent

// getEvent answers one event, with its venue and its description.
func getEvent(c *gin.Context, db *sqlx.DB) {
	id, ok := pathID(c)
	if !ok {
		return
	}
	event, err := findEvent(db, id)
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, event)
}

// endregion

// findEvent returns sql.ErrNoRows when there is no such event.
func findEvent(db *sqlx.DB, id int64) (Event, error) {
	var event Event
	if err := db.Get(&event, `SELECT * FROM events WHERE id = $1`, id); err != nil {
		return Event{}, err
	}
	err := db.Get(&event.Venue, `SELECT * FROM venues WHERE id = $1`, event.VenueID)
	return event, err
}

// changeEvent changes what the body names, and leaves the rest as it is.
func changeEvent(c *gin.Context, db *sqlx.DB) {
	user, err := currentUser(c, db)
	if err != nil {
		fail(c, err)
		return
	}
	if user.Role != "organiser" {
		refuse(c, http.StatusForbidden, "only the organiser can change an event")
		return
	}
	id, ok := pathID(c)
	if !ok {
		return
	}
	var in struct {
		Title      *string `json:"title" binding:"omitempty,min=1"`
		PriceCents *int64  `json:"price_cents" binding:"omitempty,min=0"`
	}
	if err := c.ShouldBindJSON(&in); err != nil {
		refuse(c, http.StatusBadRequest, err.Error())
		return
	}
	_, err = db.Exec(`UPDATE events SET title = coalesce($1, title), price_cents = coalesce($2, price_cents) WHERE id = $3`,
		in.Title, in.PriceCents, id)
	if err != nil {
		fail(c, err)
		return
	}
	event, err := findEvent(db, id)
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, event)
}

// region createOrder

// createOrder sells tickets to whoever is logged in, and confirms them by mail.
func createOrder(c *gin.Context, db *sqlx.DB) {
	eventID, ok := pathID(c)
	if !ok {
		return
	}
	var in struct {
		Quantity int `json:"quantity"`
	}
	if err := c.ShouldBindJSON(&in); err != nil {
		refuse(c, http.StatusBadRequest, err.Error())
		return
	}
	if in.Quantity < 1 {
		refuse(c, http.StatusBadRequest, "quantity must be at least 1")
		return
	}
	user, err := currentUser(c, db)
	if err != nil {
		fail(c, err)
		return
	}
	event, err := findEvent(db, eventID)
	if err != nil {
		fail(c, err)
		return
	}
	if in.Quantity > event.Remaining {
		refuse(c, http.StatusConflict, fmt.Sprintf("only %d tickets are left", event.Remaining))
		return
	}
	order, err := saveOrder(db, user, event, in.Quantity)
	if err != nil {
		fail(c, err)
		return
	}
	text := fmt.Sprintf("%d tickets for %s, %d.%02d in all.", order.Quantity, event.Title, order.TotalCents/100, order.TotalCents%100)
	if err := sendMail(user.Email, "Your tickets for "+event.Title, text); err != nil {
		log.Printf("mail for order %d: %v", order.ID, err) // the tickets are sold all the same
	}
	c.JSON(http.StatusCreated, order)
}

// endregion

// saveOrder takes the tickets from what remains and writes the order, or does
// neither.
func saveOrder(db *sqlx.DB, user User, event Event, quantity int) (Order, error) {
	tx, err := db.Beginx()
	if err != nil {
		return Order{}, err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`UPDATE events SET remaining = remaining - $1 WHERE id = $2`, quantity, event.ID); err != nil {
		return Order{}, err
	}
	var order Order
	err = tx.Get(&order, `INSERT INTO orders (user_id, event_id, quantity, total_cents) VALUES ($1, $2, $3, $4) RETURNING *`,
		user.ID, event.ID, quantity, int64(quantity)*event.PriceCents)
	if err != nil {
		return Order{}, err
	}
	return order, tx.Commit()
}

func getOrder(c *gin.Context, db *sqlx.DB) {
	id, ok := pathID(c)
	if !ok {
		return
	}
	var order Order
	err := db.Get(&order, `SELECT * FROM orders WHERE id = $1 AND user_id = $2`, id, loggedIn(c))
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, order)
}

// myOrders answers the orders of whoever is logged in, the newest first.
func myOrders(c *gin.Context, db *sqlx.DB) {
	orders := []Order{}
	err := db.Select(&orders, `SELECT * FROM orders WHERE user_id = $1 ORDER BY id DESC`, loggedIn(c))
	if err != nil {
		fail(c, err)
		return
	}
	for i := range orders {
		event, err := findEvent(db, orders[i].EventID)
		if err != nil {
			fail(c, err)
			return
		}
		event.Description = ""
		orders[i].Event = &event
	}
	c.JSON(http.StatusOK, gin.H{"orders": orders})
}

// userID is where requireLogin leaves the id of whoever is logged in.
const userID = "userID"

// loggedIn returns the id of whoever is logged in. On a route without requireLogin, it
// panics: whoever forgets that gets a 500, and not the orders of a user 0.
func loggedIn(c *gin.Context) int64 { return c.MustGet(userID).(int64) }

func requireLogin(c *gin.Context) {
	sessions.Lock()
	id, ok := sessions.userIDs[bearerToken(c)]
	sessions.Unlock()
	if !ok {
		refuse(c, http.StatusUnauthorized, "log in first, and send the token")
		return
	}
	c.Set(userID, id)
}

// bearerToken is the token that came with a request, "" for none. The name of the scheme
// may be written in small letters too (RFC 9110, section 11.1).
func bearerToken(c *gin.Context) string {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

func currentUser(c *gin.Context, db *sqlx.DB) (User, error) {
	var user User
	err := db.Get(&user, `SELECT * FROM users WHERE id = $1`, loggedIn(c))
	return user, err
}

// region pathID

// pathID returns the id in the request's path. It answers 400 itself when that
// is no id, and ok is false.
func pathID(c *gin.Context) (id int64, ok bool) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		refuse(c, http.StatusBadRequest, fmt.Sprintf("%q is not an id", c.Param("id")))
		return 0, false
	}
	return id, true
}

// endregion

// region fail

// refuse answers a request that can't be met, and says why.
func refuse(c *gin.Context, status int, message string) {
	c.AbortWithStatusJSON(status, gin.H{"error": message})
}

// fail answers a request that the database had no rows for, or worse.
func fail(c *gin.Context, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, sql.ErrNoRows) {
		status = http.StatusNotFound
	}
	refuse(c, status, err.Error())
}

// endregion

// region withDB

// withDB opens a connection to the database for the request, and closes it
// after.
func withDB(handle func(*gin.Context, *sqlx.DB)) gin.HandlerFunc {
	return func(c *gin.Context) {
		db, err := sqlx.Connect("postgres", os.Getenv("DATABASE_URL"))
		if err != nil {
			fail(c, err)
			return
		}
		defer db.Close()
		handle(c, db)
	}
}

// endregion

// sendMail gives the mail to the server at SMTP_ADDR, and waits until that has
// taken it.
func sendMail(to, subject, text string) error {
	server := os.Getenv("SMTP_ADDR")
	if server == "" {
		log.Printf("SMTP_ADDR is not set: no mail to %s", to)
		return nil
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	message := mail.NewMsg()
	if err := errors.Join(message.From("tickets@boxoffice.example"), message.To(to)); err != nil {
		return err
	}
	message.Subject(subject)
	message.SetBodyString(mail.TypeTextPlain, text)
	client, err := mail.NewClient(host, mail.WithPort(number), mail.WithTLSPolicy(mail.TLSOpportunistic))
	if err != nil {
		return err
	}
	return client.DialAndSend(message)
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the database's schema up to date. Of several that do so at once, one
// works; the others look once a second whether it is done, for ten minutes.
func migrate() error {
	db, err := sqlx.Connect("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db.DB, files, goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	_, err = provider.Up(context.Background())
	return err
}
