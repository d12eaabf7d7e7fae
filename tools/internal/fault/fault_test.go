package fault_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/fault"
)

const deadline = 10 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, deadline, time.Millisecond, what)
}

// newLink returns a link with one address.
func newLink(t *testing.T) (*fault.Link, *fault.Listener) {
	t.Helper()
	link := fault.NewLink()
	t.Cleanup(func() { assert.NoError(t, link.Close()) })
	listener, err := link.Listen()
	require.NoError(t, err)
	return link, listener
}

func dial(t *testing.T, listener *fault.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(deadline)))
	return conn
}

// pair returns both ends of a connection.
func pair(t *testing.T) (near *fault.Conn, far net.Conn) {
	t.Helper()
	_, listener := newLink(t)
	far = dial(t, listener)
	conn, err := listener.Accept()
	require.NoError(t, err)
	return conn.(*fault.Conn), far
}

// shouter answers each line in capitals, and does so under faults: the smallest server there is.
type shouter struct {
	fault.Faults
	link     *fault.Link
	listener *fault.Listener
	lines    fault.Gates[string]
	answers  fault.Gates[string]
	refusals fault.Refusals[string, string]
	cuts     fault.Cuts[string]

	mu   sync.Mutex
	done []string
}

func startShouter(t *testing.T) *shouter {
	t.Helper()
	link, listener := newLink(t)
	s := &shouter{Faults: link.Faults(), link: link, listener: listener}
	listener.Serve(s.serve)
	return s
}

func (s *shouter) serve(conn *fault.Conn) {
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil || s.answer(conn, strings.TrimSpace(line)) != nil {
			return
		}
	}
}

func (s *shouter) answer(conn *fault.Conn, line string) error {
	ctx := conn.Context()
	cut := s.cuts.Due(line)
	if cut != nil && cut.When == fault.Before {
		return s.hangUp(conn, cut, line)
	}
	if err := s.link.AwaitDelay(ctx); err != nil {
		return err
	}
	if err := s.link.AwaitResume(ctx); err != nil {
		return err
	}
	if held, err := s.lines.Pass(ctx, line); err != nil || held && conn.Gone() {
		return net.ErrClosed
	}
	answer, refused := s.refusals.For(line)
	if !refused {
		answer = strings.ToUpper(line)
		s.mu.Lock()
		s.done = append(s.done, line)
		s.mu.Unlock()
	}
	if cut != nil {
		return s.hangUp(conn, cut, line)
	}
	if _, err := s.answers.Pass(ctx, line); err != nil {
		return err
	}
	_, err := io.WriteString(conn, answer+"\n")
	return err
}

func (s *shouter) hangUp(conn *fault.Conn, cut *fault.Cut[string], line string) error {
	conn.Close()
	cut.Fall(line)
	return net.ErrClosed
}

// wasDone returns the lines that the server has done.
func (s *shouter) wasDone() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.done...)
}

// client speaks to a shouter.
type client struct {
	net.Conn
	r *bufio.Reader
}

func (s *shouter) client(t *testing.T) client {
	t.Helper()
	conn := dial(t, s.listener)
	return client{conn, bufio.NewReader(conn)}
}

// ask sends a line and returns the answer, "" when there is none.
func (c client) ask(line string) string {
	io.WriteString(c, line+"\n")
	answer, _ := c.r.ReadString('\n')
	return strings.TrimSpace(answer)
}

// asking does so in the background.
func (c client) asking(line string) <-chan string {
	answered := make(chan string, 1)
	go func() { answered <- c.ask(line) }()
	return answered
}

func is(line string) func(string) bool { return func(other string) bool { return other == line } }

func anyLine(string) bool { return true }

func TestGateHoldsWhatMatchesUntilItIsOpened(t *testing.T) {
	s := startShouter(t)
	gate := s.lines.Hold(is("hello"))
	one, two := s.client(t).asking("hello"), s.client(t).asking("hello")
	require.NoError(t, gate.Await(within(t), 2))
	assert.Equal(t, "PASS", s.client(t).ask("pass"), "what doesn't match passes")
	assert.Equal(t, 2, gate.Held())
	assert.Equal(t, []string{"pass"}, s.wasDone())
	gate.Open()
	gate.Open()
	assert.Equal(t, "HELLO", <-one)
	assert.Equal(t, "HELLO", <-two)
	assert.Zero(t, gate.Held())
	assert.Equal(t, "HELLO", s.client(t).ask("hello"))
	assert.Equal(t, 2, gate.Hits(), "an open gate holds nothing")
	assert.True(t, s.lines.None())
}

func TestGateOfRepliesHoldsWhatIsDone(t *testing.T) {
	s := startShouter(t)
	gate := s.answers.Hold(anyLine)
	answered := s.client(t).asking("hello")
	<-gate.Reached()
	assert.Equal(t, []string{"hello"}, s.wasDone())
	assert.Empty(t, answered)
	gate.Open()
	assert.Equal(t, "HELLO", <-answered)
}

func TestGatesHoldOneAfterTheOther(t *testing.T) {
	s := startShouter(t)
	first, second := s.lines.Hold(anyLine), s.lines.Hold(anyLine)
	answered := s.client(t).asking("hello")
	<-first.Reached()
	assert.Zero(t, second.Hits())
	first.Open()
	<-second.Reached()
	assert.Empty(t, answered)
	second.Open()
	assert.Equal(t, "HELLO", <-answered)
}

// However close together the two are.
func TestWhatADeadClientSentStaysAtTheGate(t *testing.T) {
	s := startShouter(t)
	for range 50 {
		gate := s.lines.Hold(anyLine)
		c := s.client(t)
		_, err := io.WriteString(c, "orphaned\n")
		require.NoError(t, err)
		<-gate.Reached()
		c.Close()
		gate.Open()
	}
	require.NoError(t, s.link.Close())
	assert.Empty(t, s.wasDone())
}

func TestWhoIsGoneWhenTheGateOpensDoesNotPass(t *testing.T) {
	var gates fault.Gates[string]
	for range 100 {
		gate := gates.Hold(anyLine)
		ctx, cancel := context.WithCancelCause(t.Context())
		passed := make(chan error, 1)
		go func() { _, err := gates.Pass(ctx, "hello"); passed <- err }()
		<-gate.Reached()
		cancel(io.EOF)
		gate.Open()
		require.ErrorIs(t, <-passed, io.EOF)
	}
}

func TestAwaitSaysHowManyCame(t *testing.T) {
	s := startShouter(t)
	gate := s.lines.Hold(anyLine)
	s.client(t).asking("hello")
	<-gate.Reached()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := gate.Await(ctx, 3)
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "3 at the gate, where 1 came")
}

func TestStallStopsAllUntilTheLastIsResumed(t *testing.T) {
	s := startShouter(t)
	c := s.client(t)
	require.Equal(t, "BEFORE", c.ask("before"))
	resume, again := s.Stall(), s.Stall()
	old, fresh := c.asking("old"), s.client(t).asking("fresh")
	resume()
	resume()
	assert.True(t, s.link.Stalled(), "one that is resumed twice ends one stall")
	assert.Empty(t, old)
	assert.Empty(t, fresh)
	again()
	assert.Equal(t, "OLD", <-old)
	assert.Equal(t, "FRESH", <-fresh)
}

func TestStallCanBeginAnew(t *testing.T) {
	s := startShouter(t)
	for range 20 {
		resume := s.Stall()
		answered := s.client(t).asking("hello")
		resume()
		require.Equal(t, "HELLO", <-answered)
	}
}

func TestDelayComesOnTop(t *testing.T) {
	s := startShouter(t)
	const d = 30 * time.Millisecond
	s.Delay(d)
	begun := time.Now()
	assert.Equal(t, "HELLO", s.client(t).ask("hello"))
	assert.GreaterOrEqual(t, time.Since(begun), d)
	s.Delay(0)
	assert.False(t, s.link.Delayed())
}

func TestRefusalAnswersUntilItIsStopped(t *testing.T) {
	s := startShouter(t)
	c := s.client(t)
	refusal := s.refusals.Refuse(is("hello"), "no")
	assert.Equal(t, "no", c.ask("hello"))
	assert.Equal(t, "OTHER", c.ask("other"))
	assert.Equal(t, "no", c.ask("hello"))
	refusal.Stop()
	assert.Equal(t, "HELLO", c.ask("hello"))
	assert.Equal(t, 2, refusal.Hits())
	assert.Equal(t, []string{"other", "hello"}, s.wasDone(), "nothing is done of what is refused")
}

func TestRefusalOfTheNextOnes(t *testing.T) {
	s := startShouter(t)
	c := s.client(t)
	none, two := s.refusals.RefuseNext(0, anyLine, "none"), s.refusals.RefuseNext(2, anyLine, "no")
	assert.Equal(t, []string{"no", "no", "C"}, []string{c.ask("a"), c.ask("b"), c.ask("c")})
	assert.Zero(t, none.Hits())
	assert.Equal(t, 2, two.Hits())
}

func TestServerThatIsDownCutsAndResets(t *testing.T) {
	s := startShouter(t)
	c := s.client(t)
	require.Equal(t, "BEFORE", c.ask("before"))
	up, again := s.Down(), s.Down()
	assert.Empty(t, c.ask("cut"))
	if conn, err := net.Dial("tcp", s.listener.Addr().String()); err == nil { // the reset may come that soon
		assert.Empty(t, client{conn, bufio.NewReader(conn)}.ask("reset"))
		conn.Close()
	}
	eventually(t, "it is counted", func() bool { return s.link.TurnedAway() == 1 })
	assert.Equal(t, 1, s.listener.TurnedAway())
	up()
	up()
	again()
	assert.Equal(t, "AFTER", s.client(t).ask("after"))
	assert.Equal(t, []string{"before", "after"}, s.wasDone())
}

func TestCutAllTellsHowManyThereWere(t *testing.T) {
	s := startShouter(t)
	c := s.client(t)
	require.Equal(t, "HELLO", c.ask("hello"))
	assert.Equal(t, 1, s.CutAll())
	assert.Zero(t, s.CutAll())
	assert.Empty(t, c.ask("hello"))
	assert.Equal(t, "HELLO", s.client(t).ask("hello"), "new ones are welcome")
}

func TestCutBeforeLeavesNothingDone(t *testing.T) {
	s := startShouter(t)
	cut := s.cuts.CutAt(2, fault.Before, anyLine)
	c := s.client(t)
	require.Equal(t, "ONE", c.ask("one"))
	_, fallen := cut.At()
	assert.False(t, fallen)
	assert.Empty(t, c.ask("two"))
	<-cut.Reached()
	at, fallen := cut.At()
	assert.True(t, fallen)
	assert.Equal(t, "two", at)
	assert.Equal(t, "TWO", s.client(t).ask("two"), "it falls once")
	assert.Equal(t, []string{"one", "two"}, s.wasDone())
}

func TestCutAfterLeavesItDone(t *testing.T) {
	s := startShouter(t)
	cut := s.cuts.CutAt(1, fault.After, is("two"))
	c := s.client(t)
	require.Equal(t, "ONE", c.ask("one"))
	assert.Empty(t, c.ask("two"))
	<-cut.Reached()
	assert.Equal(t, []string{"one", "two"}, s.wasDone())
}

func TestStoppedCutDoesNotFall(t *testing.T) {
	s := startShouter(t)
	s.cuts.CutAt(1, fault.Before, anyLine).Stop()
	assert.Equal(t, "HELLO", s.client(t).ask("hello"))
}

func TestOneCutFallsAtOneRequest(t *testing.T) {
	var cuts fault.Cuts[string]
	cut := cuts.CutAt(50, fault.Before, anyLine)
	var due sync.Map
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			if c := cuts.Due("hello"); c != nil {
				c.Fall("hello")
				due.Store(i, c)
			}
		})
	}
	all.Wait()
	<-cut.Reached()
	n := 0
	due.Range(func(any, any) bool { n++; return true })
	assert.Equal(t, 1, n)
}

func TestCloseEndsAllThatWaits(t *testing.T) {
	for name, disturb := range map[string]func(*shouter){
		"gate":  func(s *shouter) { s.lines.Hold(anyLine) },
		"reply": func(s *shouter) { s.answers.Hold(anyLine) },
		"stall": func(s *shouter) { s.Stall() },
		"delay": func(s *shouter) { s.Delay(time.Hour) },
		"down":  func(s *shouter) { s.Down() },
	} {
		t.Run(name, func(t *testing.T) {
			s := startShouter(t)
			idle := s.client(t)
			require.Equal(t, "HELLO", idle.ask("hello"))
			waiting := s.client(t)
			require.Equal(t, "HELLO", waiting.ask("hello"))
			disturb(s)
			answered := waiting.asking("waits")
			require.NoError(t, s.link.Close())
			assert.Empty(t, <-answered)
			assert.Empty(t, idle.ask("hello"))
			require.NoError(t, s.link.Close(), "closing twice is no fault")
			_, err := s.link.Listen()
			require.ErrorIs(t, err, net.ErrClosed)
		})
	}
}

func TestWhatIsTiedEndsWithTheConnection(t *testing.T) {
	near, _ := pair(t)
	tied, other := net.Pipe()
	require.NoError(t, near.Tie(tied))
	near.Close()
	_, err := other.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	assert.True(t, near.Closed())
	assert.ErrorIs(t, context.Cause(near.Context()), net.ErrClosed)
	late, other := net.Pipe()
	require.ErrorIs(t, near.Tie(late), net.ErrClosed)
	_, err = other.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}
