// Package fault is what a test does to a server from outside, whatever protocol the server speaks:
// one mechanism, and one meaning a word. The taps on PostgreSQL's and Redis's wires stand on it, and
// the mail server; what a request is, and how one is refused, is theirs to say.
//
// A request is what the protocol asks for at a time: a statement, a command, a message of mail, a
// request of HTTP. The words, and what the client sees:
//
//   - hold: a [Gate] stops each request that matches, or its reply, until the test opens it. Before the
//     server, nothing has happened yet; in its reply, all has. The client has sent its request and
//     hears nothing. When it hangs up meanwhile, what was held before the server never gets there.
//   - stall: nothing passes any more, either way, and nobody hangs up; connections are still accepted.
//     The client hears nothing until its own deadline ends, or the test resumes: what has waited goes
//     on then.
//   - delay: each round trip takes so much longer. The client hears all, late.
//   - refuse: a request is answered with no, in the protocol's words and with a code, and nothing is
//     done. The client knows that nothing happened, and why.
//   - down: nobody is there. Open connections are cut and new ones reset, as by a port that nobody
//     listens on, until the test has the server up again.
//   - cut: a connection ends without a word: all of them now, or one at its k-th request, before the
//     server sees it or after it has done it, in the place of the answer. The client can't know which.
//
// Refuse and cut take requests one by one, stall and down the whole server. What lasts returns how to
// end it. Whoever waits does so no longer than its connection lives, or its [Link]: closing that drops
// what is held, and sends nothing on for a client that is gone.
package fault

import "time"

// Faults are what a test can do to all connections of a [Link]. Taps and servers embed them, so that
// each knows the same words.
type Faults struct{ link *Link }

// Delay makes each round trip take d longer: the server is in another building. Zero ends it.
func (f Faults) Delay(d time.Duration) { f.link.delay.set(d) }

// Stall lets nothing pass, either way, until resume is called: the server answers no more, and doesn't
// hang up either. Connections are still accepted. Of several stalls, the last one resumed ends it.
func (f Faults) Stall() (resume func()) { return f.link.stall.begin() }

// Down cuts all connections and resets new ones until up is called: the server is not there.
func (f Faults) Down() (up func()) { return f.link.down() }

// CutAll closes all connections that are open and returns how many there were. New ones are welcome.
func (f Faults) CutAll() int { return f.link.cutAll() }
