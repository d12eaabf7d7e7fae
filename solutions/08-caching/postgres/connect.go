package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/lib/pq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// connectTimeout is how long opening a connection may take at most, whoever waits.
const connectTimeout = 5 * time.Second

// errURL is all that is said of a URL that can't be read: what lib/pq says of it has
// pieces of the password in it.
var errURL = errors.New("DATABASE_URL can't be read as postgres://USER:PASSWORD@HOST:PORT/DATABASE\n" +
	"In a password, / ? # @ : % and blanks are written as %2F %3F %23 %40 %3A %25 and %20")

// newConnector returns what opens connections, and counts them.
func newConnector(databaseURL string, options Options) (driver.Connector, error) {
	cfg, err := pq.NewConfig(databaseURL)
	if err != nil {
		return nil, errURL
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, err
	}
	connector.Dialer(dialer{silence: options.Timeout + grace})
	return counting(punctual{connector}, options.Registry), nil
}

// region punctual

// punctual returns from Connect when the context ends, and leaves no connection behind:
// the pool doesn't count one that nobody waits for any more. lib/pq by itself watches the
// context while it dials, but not while it waits for the server's greeting.
type punctual struct{ driver.Connector }

func (p punctual) Connect(ctx context.Context) (driver.Conn, error) {
	o := &opening{}
	stop := context.AfterFunc(ctx, o.giveUp)
	conn, err := p.Connector.Connect(context.WithValue(ctx, openingKey{}, o))
	if !stop() { // the context has ended
		if err == nil {
			_ = conn.Close()
		}
		return nil, ctx.Err()
	}
	return conn, err
}

// opening is a connection that is being opened for a context.
type opening struct {
	mu      sync.Mutex
	conn    net.Conn // nil before it is dialed
	givenUp bool
}

// openingKey is what dialer finds an opening under in the context.
type openingKey struct{}

func (o *opening) dialed(conn net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conn = conn
	if o.givenUp {
		_ = conn.Close()
	}
}

func (o *opening) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.givenUp = true
	if o.conn != nil {
		_ = o.conn.Close()
	}
}

// endregion

// grace is how long the server has to say that it cancelled a statement.
const grace = time.Second

// dialer opens connections that give up on a server that says nothing. When a
// context ends, lib/pq asks the server to cancel the statement, and waits for its
// answer. A server that is frozen, or unplugged, never gives one.
type dialer struct {
	silence time.Duration
}

// DialContext is what lib/pq calls.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: d.silence}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if o, ok := ctx.Value(openingKey{}).(*opening); ok {
		o.dialed(conn)
	}
	return &impatient{Conn: conn, silence: d.silence}, nil
}

// Dial and DialTimeout make it a pq.Dialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// impatient is a connection on which each read ends within silence. After that it is
// of no use to anybody, and closed.
type impatient struct {
	net.Conn
	silence time.Duration
	until   time.Time // by when it has to be open; zero once it is
}

// SetDeadline is how lib/pq says by when a connection has to be open, and that it is.
func (c *impatient) SetDeadline(t time.Time) error {
	c.until = t
	return c.Conn.SetDeadline(t)
}

func (c *impatient) Read(b []byte) (int, error) {
	deadline := time.Now().Add(c.silence)
	if !c.until.IsZero() && c.until.Before(deadline) {
		deadline = c.until
	}
	if err := c.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = c.Close()
	}
	return n, err
}

func counting(connector driver.Connector, registry prometheus.Registerer) driver.Connector {
	return &counted{connector, promauto.With(registry).NewCounter(prometheus.CounterOpts{
		Name: "db_connections_opened_total",
		Help: "Connections opened to PostgreSQL.",
	})}
}

// counted counts the connections that a connector opens.
type counted struct {
	driver.Connector
	opened prometheus.Counter
}

func (c *counted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err == nil {
		c.opened.Inc()
	}
	return conn, err
}
