package balancer

import (
	"sync"
	"time"
)

// What follows does what nginx 1.22 does in ngx_http_upstream_round_robin.c, in one
// worker process: smooth weighted round robin, and servers that are passed over for a
// while after failures.

// peer is one server of an upstream.
type peer struct {
	address     string
	weight      int
	maxFails    int           // 0: failures aren't counted
	failTimeout time.Duration // in which they count, and for which it is passed over then
	maxConns    int           // 0: any number
	down        bool
	backup      bool

	current, effective int
	fails, conns       int
	accessed, checked  int64 // Unix times, in seconds as nginx has them
}

// upstream is a group of servers.
type upstream struct {
	name      string
	leastConn bool
	pool      pool

	mu    sync.Mutex
	peers []*peer
}

// turn is the choice of servers for one request.
type turn struct {
	upstream *upstream
	tried    map[*peer]bool
	backup   bool // the ordinary servers are used up
	left     int  // tries
}

// turn begins the choice for a request; limit bounds its tries, 0 doesn't.
func (u *upstream) turn(limit int) *turn {
	tries := len(u.peers)
	if limit > 0 {
		tries = min(tries, limit)
	}
	return &turn{upstream: u, tried: map[*peer]bool{}, left: tries}
}

// next chooses a server; nil when none is live.
func (t *turn) next() *peer {
	u := t.upstream
	u.mu.Lock()
	defer u.mu.Unlock()
	chosen := t.choose()
	if chosen == nil && !t.backup {
		t.backup = true
		chosen = t.choose()
	}
	if chosen != nil {
		t.tried[chosen] = true
		chosen.conns++
	}
	return chosen
}

func (t *turn) choose() *peer {
	u := t.upstream
	if len(u.peers) == 1 { // a single server is never passed over
		if u.peers[0].down {
			return nil
		}
		return u.peers[0]
	}
	now := time.Now().Unix()
	var live []*peer
	for _, p := range u.peers {
		if p.backup == t.backup && !t.tried[p] && p.live(now) {
			live = append(live, p)
		}
	}
	if u.leastConn {
		live = leastBusy(live)
	}
	best := smooth(live)
	if best != nil && now-best.checked > seconds(best.failTimeout) {
		best.checked = now
	}
	return best
}

func (p *peer) live(now int64) bool {
	switch {
	case p.down:
		return false
	case p.maxFails > 0 && p.fails >= p.maxFails && now-p.checked <= seconds(p.failTimeout):
		return false
	}
	return p.maxConns == 0 || p.conns < p.maxConns
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// leastBusy are those with the fewest connections for their weight.
func leastBusy(peers []*peer) []*peer {
	var least []*peer
	for _, p := range peers {
		if len(least) > 0 {
			switch a, b := p.conns*least[0].weight, least[0].conns*p.weight; {
			case a > b:
				continue
			case a < b:
				least = nil
			}
		}
		least = append(least, p)
	}
	return least
}

// smooth chooses by weighted round robin; nil when there is nobody to choose.
func smooth(peers []*peer) (best *peer) {
	total := 0
	for _, p := range peers {
		p.current += p.effective
		total += p.effective
		if p.effective < p.weight {
			p.effective++
		}
		if best == nil || p.current > best.current {
			best = p
		}
	}
	if best != nil {
		best.current -= total
	}
	return best
}

// free ends a try of a server, which failed or didn't.
func (t *turn) free(p *peer, failed bool) {
	u := t.upstream
	u.mu.Lock()
	defer u.mu.Unlock()
	t.left--
	p.conns--
	if len(u.peers) == 1 {
		return
	}
	if !failed {
		if p.accessed < p.checked {
			p.fails = 0
		}
		return
	}
	p.fails++
	p.accessed = time.Now().Unix()
	p.checked = p.accessed
	if p.maxFails > 0 {
		p.effective = max(0, p.effective-p.weight/p.maxFails)
	}
}
