// Package ceiling has the smallest Gin handlers that can be: what the machine, net/http, Gin
// and the drivers give when an API adds nothing. A solution is compared with them.
package ceiling

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver
	"github.com/redis/go-redis/v9"
)

// Name is the first argument of a program that is to serve one of the handlers; the second is
// one of the kinds.
const Name = "__ceiling"

// The kinds of handlers, which all answer GET /events/ID.
const (
	Constant = "constant" // with the same event each time
	Row      = "row"      // with one that a prepared statement reads by its primary key
	Redis    = "redis"    // with what one GET of Redis says, or else with the row, for Redis to say
)

// RunIfCeiling serves one of the handlers if this process was started to, and then doesn't return.
func RunIfCeiling() {
	if len(os.Args) != 3 || os.Args[1] != Name {
		return
	}
	if err := serve(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// connections is what the solutions allow themselves when nobody says otherwise.
const connections = 10

func serve(kind string) error {
	gin.SetMode(gin.ReleaseMode)
	db, err := sqlx.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	rows, err := db.Preparex(`SELECT id, title, description, starts_at, price_cents, remaining, venue_id FROM events WHERE id = $1`)
	if err != nil {
		return err
	}
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	answer, ok := map[string]gin.HandlerFunc{
		Constant: constant, Row: row(rows), Redis: cached(redis.NewClient(options), row(rows)),
	}[kind]
	if !ok {
		return fmt.Errorf("there is no smallest handler %q", kind)
	}
	engine := gin.New()
	engine.GET("/events/:id", answer)
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: engine, ReadHeaderTimeout: 5 * time.Second}
	over, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(over, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// event is a row of events.
type event struct {
	ID          int64     `db:"id" json:"id"`
	Title       string    `db:"title" json:"title"`
	Description string    `db:"description" json:"description"`
	StartsAt    time.Time `db:"starts_at" json:"starts_at"`
	PriceCents  int64     `db:"price_cents" json:"price_cents"`
	Remaining   int       `db:"remaining" json:"remaining"`
	VenueID     int64     `db:"venue_id" json:"venue_id"`
}

func constant(c *gin.Context) {
	c.JSON(http.StatusOK, event{ID: 42, Title: "The Answers: One Night in June"})
}

func row(statement *sqlx.Stmt) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, err := strconv.ParseInt(c.Param("id"), 10, 64)
		if err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		var e event
		if err := statement.GetContext(c.Request.Context(), &e, id); err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusOK, e)
	}
}

func cached(client *redis.Client, load gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, key := c.Request.Context(), "ceiling:"+c.Param("id")
		text, err := client.Get(ctx, key).Bytes()
		if err == nil {
			c.Data(http.StatusOK, gin.MIMEJSON, text)
			return
		}
		copied := &recorder{ResponseWriter: c.Writer}
		c.Writer = copied
		load(c)
		if c.Writer.Status() == http.StatusOK {
			_ = client.Set(ctx, key, copied.body, time.Hour).Err()
		}
	}
}

// recorder keeps what is written.
type recorder struct {
	gin.ResponseWriter
	body []byte
}

// Write implements io.Writer.
func (r *recorder) Write(text []byte) (int, error) {
	r.body = append(r.body, text...)
	return r.ResponseWriter.Write(text)
}
