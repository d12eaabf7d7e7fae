package pgtap

import "time"

// requests carries what the client sends to the server.
func (s *session) requests(m *stream) {
	for {
		kind, n, err := m.header()
		if err != nil {
			return
		}
		if s.request(m, kind, n) != nil {
			return
		}
	}
}

func (s *session) request(m *stream, kind byte, n int) error {
	if asks(kind) {
		if err := s.question(m, kind, n); err != nil {
			return err
		}
	} else {
		s.countSent(n)
	}
	if err := s.linger(m, waits(kind) && m.last(n)); err != nil {
		return err
	}
	return m.pass(n)
}

// question deals with a message that has a part in the pipeline.
func (s *session) question(m *stream, kind byte, n int) error {
	body, err := m.body(n)
	if err != nil {
		return err
	}
	r := s.ask(kind, body)
	if r == nil || !r.starts {
		return nil
	}
	return s.disturb(m, r)
}

// disturb cuts or holds a statement that is about to be sent to the server.
func (s *session) disturb(m *stream, r *request) error {
	st := s.snapshot(r)
	if err := s.cutRequest(r, st); err != nil {
		return err
	}
	if err := s.holdRequest(m, r, st); err != nil {
		return err
	}
	if s.wasCancelled(r) {
		m.replace(futile(r.kind))
	}
	return nil
}

func (s *session) snapshot(r *request) Statement {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	return *r.statement
}

// asks reports whether the message has a part in the pipeline.
func asks(kind byte) bool {
	switch kind {
	case msgQuery, msgParse, msgBind, msgDescribe, msgExecute, msgClose, msgSync, msgFunction, msgCopyDone, msgCopyFail:
		return true
	}
	return false
}

// waits reports whether a client waits for the answer once it has sent the message.
func waits(kind byte) bool {
	switch kind {
	case msgQuery, msgSync, msgFlush, msgFunction, msgCopyDone, msgCopyFail, msgPassword:
		return true
	}
	return false
}

func (s *session) countSent(n int) {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	s.tap.counts.Sent += headerSize + n
}

// ask counts a message of the client's and puts it into the pipeline. It returns nil for one that
// the server won't answer.
func (s *session) ask(kind byte, body []byte) *request {
	t := s.tap
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Sent += headerSize + len(body)
	r := s.understand(kind, body)
	switch {
	case r == nil:
		return nil
	case kind == msgSync && s.copying:
		return nil
	case kind == msgSync:
		s.skipping = false
	case s.skipping:
		s.passOver(r)
		return nil
	}
	if r.ends() {
		t.counts.RoundTrips++
	}
	s.queue = append(s.queue, r)
	return r
}

// understand reads the message. The caller holds tap.mu, as for all below.
func (s *session) understand(kind byte, body []byte) *request {
	f := fields(body)
	switch kind {
	case msgQuery:
		return s.query(f.string())
	case msgParse:
		return s.parse(&f)
	case msgBind:
		return s.bind(&f)
	case msgExecute:
		return s.execute(f.string())
	case msgDescribe:
		return s.describe(&f)
	case msgClose:
		return s.closeNamed(&f)
	case msgSync, msgFunction:
		return &request{kind: kind}
	case msgCopyDone, msgCopyFail:
		s.copying = false
	}
	return nil
}

func (s *session) query(sql string) *request {
	r := &request{kind: msgQuery, starts: true}
	parts := split(sql)
	if len(parts) > 0 {
		sql, r.rest = parts[0], parts[1:]
	}
	r.statement = s.begin(sql, arguments{})
	return r
}

func (s *session) parse(f *fields) *request {
	s.tap.counts.Parses++
	name := f.string()
	p := &prepared{sql: f.string(), types: make([]int, f.int16())}
	for i := range p.types {
		p.types[i] = f.int32()
	}
	s.prepared[name] = p
	return &request{kind: msgParse, prepared: p}
}

func (s *session) bind(f *fields) *request {
	name := f.string()
	p := &portal{prepared: s.prepared[f.string()]}
	if p.prepared == nil {
		p.prepared = &prepared{}
	}
	p.args = readArguments(f, p.prepared.types)
	s.portals[name] = p
	return &request{kind: msgBind, portal: p}
}

// execute runs a portal, or goes on fetching its rows: that is no statement anew.
func (s *session) execute(name string) *request {
	p := s.portals[name]
	if p == nil { // made by DECLARE, or by mistake
		p = &portal{prepared: &prepared{sql: name}}
		s.portals[name] = p
	}
	r := &request{kind: msgExecute, portal: p, starts: p.statement == nil}
	if r.starts {
		p.statement = s.begin(p.prepared.sql, p.args)
	}
	p.statement.Done = false
	r.statement = p.statement
	return r
}

func (s *session) describe(f *fields) *request {
	r := &request{kind: msgDescribe}
	if f.byte() == 'S' {
		r.prepared = s.prepared[f.string()]
	}
	return r
}

func (s *session) closeNamed(f *fields) *request {
	if f.byte() == 'S' {
		delete(s.prepared, f.string())
	} else {
		delete(s.portals, f.string())
	}
	return &request{kind: msgClose}
}

// begin counts and logs a statement that the client asks for.
func (s *session) begin(sql string, args arguments) *Statement {
	st := &Statement{
		Connection:    s.id,
		SQL:           sql,
		Args:          args.text,
		Params:        args.params,
		InTransaction: s.inTransaction,
		Start:         time.Now(),
	}
	s.tap.record(st)
	return st
}

// passOver marks what the server doesn't run because of an earlier error.
func (s *session) passOver(r *request) {
	if r.statement != nil && !r.statement.Done {
		r.statement.Skipped = true
		s.conclude(r.statement)
	}
}

func (s *session) conclude(st *Statement) {
	st.Done = true
	st.End = time.Now()
	s.last = st
}
