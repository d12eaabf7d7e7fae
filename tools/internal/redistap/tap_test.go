package redistap_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/redistap"
	"example.com/boxoffice/tools/internal/resp"
)

const deadline = 10 * time.Second

func start(t testing.TB) (*redistap.Tap, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	var dialer net.Dialer
	tap, err := redistap.New(func(ctx context.Context) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", server.Addr())
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = tap.Close() })
	return tap, server
}

func connect(t testing.TB, tap *redistap.Tap) *resp.Client {
	t.Helper()
	client := resp.NewClient(dial(t, tap))
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func dial(t testing.TB, tap *redistap.Tap) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", tap.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func do(t testing.TB, client *resp.Client, command string) any {
	t.Helper()
	reply, err := client.Do(strings.Fields(command)...)
	require.NoError(t, err, command)
	return reply
}

// later sends a command in the background.
func later(client *resp.Client, command string) <-chan any {
	replied := make(chan any, 1)
	go func() {
		reply, err := client.Do(strings.Fields(command)...)
		if err != nil {
			reply = err
		}
		replied <- reply
	}()
	return replied
}

func reached(t testing.TB, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(deadline):
		t.Fatal("no command came")
	}
}

func got(t testing.TB, replied <-chan any) any {
	t.Helper()
	select {
	case reply := <-replied:
		return reply
	case <-time.After(deadline):
		t.Fatal("no reply came")
		return nil
	}
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, deadline, time.Millisecond, what)
}

func TestCommandsAreCountedWithoutConnectionSetUp(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	client := connect(t, tap)
	before := tap.Stats()
	for _, command := range []string{"PING", "SELECT 1", "set greeting hello", "GET greeting"} {
		do(t, client, command)
	}
	counted := tap.Stats().Since(before)
	require.Equal(t, 2, counted.Commands)
	require.Equal(t, 2, counted.RoundTrips)
	commands := tap.CommandsSince(before)
	require.Len(t, commands, 2)
	require.Equal(t, "SET", commands[0].Name())
	require.Equal(t, []string{"set", "greeting", "hello"}, commands[0].Args)
	require.Equal(t, "greeting", commands[1].Key())
	require.WithinDuration(t, time.Now(), commands[1].At, deadline)
}

func TestConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	first, second := connect(t, tap), connect(t, tap)
	do(t, first, "PING")
	do(t, second, "PING")
	require.Equal(t, 2, tap.Stats().Connections)
	require.Equal(t, 2, tap.Stats().Open)
	require.NoError(t, first.Close())
	eventually(t, "a closed connection is not open", func() bool { return tap.Stats().Open == 1 })
}

func TestEachCommandOfAPipelineCountsInOneRoundTrip(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	conn := dial(t, tap)
	var pipeline []byte
	for _, command := range []string{"MULTI", "INCR n", "INCR n", "EXEC"} {
		pipeline = append(pipeline, resp.Command(strings.Fields(command)...)...)
	}
	_, err := conn.Write(pipeline)
	require.NoError(t, err)
	readUntil(t, conn, "*2\r\n:1\r\n:2\r\n")
	require.Equal(t, 4, tap.Stats().Commands)
	require.Equal(t, 1, tap.Stats().RoundTrips)
}

func readUntil(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(deadline)))
	var all []byte
	for !strings.Contains(string(all), text) {
		part := make([]byte, 1024)
		n, err := conn.Read(part)
		require.NoError(t, err, "%q", all)
		all = append(all, part[:n]...)
	}
}

func TestInlineCommandsAreRead(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	conn := dial(t, tap)
	_, err := conn.Write([]byte("SET k v\r\n"))
	require.NoError(t, err)
	eventually(t, "it is counted", func() bool { return tap.Stats().Commands == 1 })
	require.Equal(t, []string{"SET", "k", "v"}, tap.Commands()[0].Args)
}

func TestWhatAClientSentBeforeItHungUpArrives(t *testing.T) {
	t.Parallel()
	tap, server := start(t)
	conn := dial(t, tap)
	_, err := conn.Write(resp.Command("SET", "k", "v"))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	eventually(t, "the key is set", func() bool { return server.Exists("k") })
	eventually(t, "the connection is gone", func() bool { return tap.Stats().Open == 0 })
}

func TestAGateHoldsACommandBeforeTheServer(t *testing.T) {
	t.Parallel()
	tap, server := start(t)
	client, other := connect(t, tap), connect(t, tap)
	gate := tap.Hold(redistap.Named("set"))
	replied := later(client, "SET k v")
	reached(t, gate.Reached())
	require.False(t, server.Exists("k"))
	do(t, other, "GET k")
	require.Equal(t, 2, tap.Stats().Commands, "a command that waits at a gate is counted")
	gate.Open()
	require.Equal(t, "OK", got(t, replied))
	do(t, other, "SET k w")
	require.Equal(t, 1, gate.Hits(), "an open gate holds nothing")
}

func TestAGateHoldsTheReplyOfItsConnectionAlone(t *testing.T) {
	t.Parallel()
	tap, server := start(t)
	client, other := connect(t, tap), connect(t, tap)
	gate := tap.HoldReply(redistap.KeyHas("slow"))
	replied := later(client, "SET slow:1 v")
	reached(t, gate.Reached())
	require.True(t, server.Exists("slow:1"), "the server has done it")
	require.Equal(t, "OK", do(t, other, "SET fast v"))
	require.Empty(t, replied)
	gate.Open()
	require.Equal(t, "OK", got(t, replied))
}

func TestAHeldReplyOfAPipelineLetsEarlierRepliesPass(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	conn := dial(t, tap)
	gate := tap.HoldReply(redistap.KeyHas("b"))
	_, err := conn.Write(append(resp.Command("INCRBY", "a", "7"), resp.Command("INCRBY", "b", "8")...))
	require.NoError(t, err)
	readUntil(t, conn, ":7\r\n")
	reached(t, gate.Reached())
	gate.Open()
	readUntil(t, conn, ":8\r\n")
}

func TestSetUpPassesGates(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	gate := tap.Hold(redistap.Any)
	require.Equal(t, "PONG", do(t, connect(t, tap), "PING"))
	require.Zero(t, gate.Hits())
}

func TestAClientThatHangsUpAtAGateIsNeverServed(t *testing.T) {
	t.Parallel()
	tap, server := start(t)
	client := connect(t, tap)
	gate := tap.Hold(redistap.Any)
	later(client, "SET k v")
	reached(t, gate.Reached())
	require.NoError(t, client.Close())
	eventually(t, "the connection is gone", func() bool { return tap.Stats().Open == 0 })
	gate.Open()
	require.False(t, server.Exists("k"))
}

// A command of a client that is gone when the gate opens must not run, however close together the two
// are, and whatever was sent behind it.
func TestWhatADeadClientSentStaysAtTheGate(t *testing.T) {
	t.Parallel()
	tap, server := start(t)
	for range 50 {
		gate := tap.Hold(redistap.KeyHas("orphaned"))
		conn := dial(t, tap)
		_, err := conn.Write(resp.Command("SET", "orphaned", "v"))
		require.NoError(t, err)
		reached(t, gate.Reached())
		_, err = conn.Write(resp.Command("SET", "behind", "v"))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		gate.Open()
	}
	eventually(t, "all sessions have ended", func() bool { return tap.Stats().Open == 0 })
	require.False(t, server.Exists("orphaned"))
	require.False(t, server.Exists("behind"))
}

func TestAStalledRedisAnswersOnceResumed(t *testing.T) {
	t.Parallel()
	tap, server := start(t)
	client := connect(t, tap)
	do(t, client, "PING")
	resume, resumeAgain := tap.Stall(), tap.Stall()
	replied := later(client, "SET k v")
	resume()
	resume()
	time.Sleep(10 * time.Millisecond)
	require.False(t, server.Exists("k"))
	require.Empty(t, replied)
	resumeAgain()
	require.Equal(t, "OK", got(t, replied))
}

func TestDelayIsPerRoundTrip(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	conn := dial(t, tap)
	const delay = 30 * time.Millisecond
	tap.Delay(delay)
	began := time.Now()
	var pipeline []byte
	for i := range 20 {
		pipeline = append(pipeline, resp.Command("INCR", fmt.Sprint("n", i))...)
	}
	_, err := conn.Write(append(pipeline, resp.Command("INCRBY", "last", "9")...))
	require.NoError(t, err)
	readUntil(t, conn, ":9\r\n")
	took := time.Since(began)
	require.GreaterOrEqual(t, took, delay)
	require.Less(t, took, 20*delay, "a pipeline travels once")
}

func TestARedisThatIsDownCutsAndResets(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	client := connect(t, tap)
	do(t, client, "PING")
	up := tap.Down()
	_, err := client.Do("PING")
	require.Error(t, err)
	if conn, err := net.Dial("tcp", tap.Addr()); err == nil { // the reset may come that soon
		_, err = resp.NewClient(conn).Do("PING")
		require.Error(t, err)
	}
	eventually(t, "the connection that was reset is counted", func() bool { return tap.Stats().Refused == 1 })
	up()
	require.Equal(t, "PONG", do(t, connect(t, tap), "PING"))
}

func TestCutAllTellsHowManyThereWere(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	client := connect(t, tap)
	do(t, client, "PING")
	require.Equal(t, 1, tap.CutAll())
	require.Zero(t, tap.CutAll())
	_, err := client.Do("PING")
	require.Error(t, err)
}

func TestSubscribersHearWhatIsPublished(t *testing.T) {
	t.Parallel()
	tap, server := start(t)
	conn := dial(t, tap)
	_, err := conn.Write(resp.Command("SUBSCRIBE", "a", "b"))
	require.NoError(t, err)
	readUntil(t, conn, ":2\r\n")
	server.Publish("b", "hello")
	readUntil(t, conn, "hello\r\n")
	_, err = conn.Write(resp.Command("UNSUBSCRIBE", "a"))
	require.NoError(t, err)
	readUntil(t, conn, ":1\r\n")
	require.Equal(t, 2, tap.Stats().Commands)
}

func TestAServerThatIsAwayIsNamed(t *testing.T) {
	t.Parallel()
	tap, err := redistap.New(func(context.Context) (net.Conn, error) { return nil, net.ErrClosed })
	require.NoError(t, err)
	t.Cleanup(func() { _ = tap.Close() })
	line, err := bufio.NewReader(dial(t, tap)).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "-ERR the tap on Redis's wire can't connect")
}

func TestCloseEndsWhatWaits(t *testing.T) {
	t.Parallel()
	tap, _ := start(t)
	client := connect(t, tap)
	gate := tap.Hold(redistap.Any)
	replied := later(client, "GET k")
	reached(t, gate.Reached())
	tap.Stall()
	require.NoError(t, tap.Close())
	require.Error(t, got(t, replied).(error))
	require.Equal(t, 1, tap.Stats().Commands, "what was measured stays readable")
}

func TestKeysAreFound(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][]string{
		"GET k":                {"k"},
		"DEL a b":              {"a", "b"},
		"MSET a 1 b 2":         {"a", "b"},
		"EVALSHA 0123 2 a b x": {"a", "b"},
		"EVAL script 0 x":      {},
		"XREADGROUP GROUP g c COUNT 1 STREAMS s t > >": {"s", "t"},
		"XGROUP CREATE s g $":                          {"s"},
		"BLPOP a b 0":                                  {"a", "b"},
		"PUBLISH channel m":                            nil,
		"MULTI":                                        nil,
	} {
		require.Equal(t, want, redistap.Command{Args: strings.Fields(command)}.Keys(), command)
	}
}
