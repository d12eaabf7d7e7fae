package pgtap

import (
	"slices"

	"example.com/boxoffice/tools/internal/fault"
)

// pipeline is what a client has asked and the server has yet to answer. The server answers in the
// order of the questions, so the reply that comes belongs to the first of the queue.
type pipeline struct {
	prepared map[string]*prepared
	portals  map[string]*portal
	queue    []*request
	last     *Statement // the one that ended last in this round trip
	skipping bool       // after an error: the server passes over everything up to the next Sync
	copying  bool       // COPY FROM: the server passes over Sync until the data ends
}

// prepared is a statement made by Parse.
type prepared struct {
	sql   string
	types []int // of its parameters, 0 where the client leaves it to the server
}

// portal is a prepared statement with arguments, made by Bind. Execute runs it, as often as it takes
// to fetch all rows.
type portal struct {
	prepared  *prepared
	args      arguments
	statement *Statement // nil until executed
}

// request is one message that the server answers.
type request struct {
	kind      byte
	prepared  *prepared             // of Parse and Describe
	portal    *portal               // of Bind and Execute
	statement *Statement            // of Query and Execute
	starts    bool                  // the statement begins with this request
	rest      []string              // of Query: the statements that follow
	cancelled bool                  // at a gate, before the server saw it
	cut       *fault.Cut[Statement] // cut the connection in place of the answer
}

// ends reports whether the server answers the request with ReadyForQuery.
func (r *request) ends() bool {
	return r.kind == msgSync || r.kind == msgQuery || r.kind == msgFunction
}

// head returns the request that the next reply is to, or nil.
func (p *pipeline) head() *request {
	if len(p.queue) == 0 {
		return nil
	}
	return p.queue[0]
}

// pop removes the head.
func (p *pipeline) pop() {
	if len(p.queue) > 0 {
		p.queue[0] = nil
		p.queue = p.queue[1:]
	}
}

// popTo removes all up to the request that ReadyForQuery answers.
func (p *pipeline) popTo() {
	for r := p.head(); r != nil; r = p.head() {
		p.pop()
		if r.ends() {
			return
		}
	}
}

// abandon removes what the server passes over after an error and returns it. The Sync that ends it
// may yet have to come.
func (p *pipeline) abandon() []*request {
	end := slices.IndexFunc(p.queue, (*request).ends)
	if end < 0 {
		end = len(p.queue)
		p.skipping = true
	}
	p.copying = false
	dropped := p.queue[:end:end]
	p.queue = p.queue[end:]
	return dropped
}

// startCopy makes the server deaf to Sync until the client's data ends.
func (p *pipeline) startCopy() {
	p.copying = true
	p.queue = slices.DeleteFunc(p.queue, func(r *request) bool { return r.kind == msgSync })
}

// running returns the first request that runs a statement, or nil.
func (p *pipeline) running() *request {
	i := slices.IndexFunc(p.queue, func(r *request) bool { return r.statement != nil && !r.statement.Done })
	if i < 0 {
		return nil
	}
	return p.queue[i]
}
