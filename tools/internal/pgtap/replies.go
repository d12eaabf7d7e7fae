package pgtap

import "example.com/boxoffice/tools/internal/fault"

// replies carries what the server sends to the client.
func (s *session) replies(m *stream) {
	for {
		kind, n, err := m.header()
		if err != nil {
			m.w.Flush()
			return
		}
		if s.reply(m, kind, n) != nil {
			m.w.Flush()
			return
		}
	}
}

func (s *session) reply(m *stream, kind byte, n int) error {
	var body []byte
	if tells(kind) {
		var err error
		if body, err = m.body(n); err != nil {
			return err
		}
	}
	if err := s.lingerReply(m); err != nil {
		return err
	}
	if err := s.holdReply(m, kind); err != nil {
		return err
	}
	end := s.hear(kind, n, body)
	if end.replacement != nil {
		m.replace(end.replacement)
	}
	if end.cut != nil {
		s.cut, s.cutStatement = end.cut, end.statement
	}
	if s.cut == nil {
		return m.pass(n)
	}
	if kind == msgReadyForQuery {
		s.client.Close()
		s.cut.Fall(s.cutStatement)
		return errCut
	}
	return m.discard(n)
}

// tells reports whether the tap has to read the message's body.
func tells(kind byte) bool {
	switch kind {
	case msgCommandComplete, msgErrorResponse, msgReadyForQuery, msgBackendKeyData, msgParameterDescription:
		return true
	}
	return false
}

// ending is what is to be done about the end of a statement.
type ending struct {
	cut         *fault.Cut[Statement]
	statement   Statement // for the cut
	replacement []byte    // for the reply
}

// hear counts a reply and moves the pipeline on.
func (s *session) hear(kind byte, n int, body []byte) (end ending) {
	t := s.tap
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Bytes += headerSize + n
	r := s.head()
	switch kind {
	case msgDataRow, msgCopyData:
		s.row(r, headerSize+n)
	case msgCommandComplete, msgEmptyQueryResponse, msgPortalSuspended:
		end = s.completed(r, kind, body)
	case msgErrorResponse:
		end = s.failed(r, sqlState(body))
	case msgReadyForQuery:
		s.settle(body)
	case msgParseComplete, msgBindComplete, msgCloseComplete, msgNoData, msgRowDescription:
		s.acknowledge(r, kind)
	case msgParameterDescription:
		s.learnTypes(r, body)
	case msgCopyInResponse:
		s.startCopy()
	case msgBackendKeyData:
		s.key = string(body)
		t.keys[s.key] = s
	}
	return end
}

// row counts a row. The caller holds tap.mu, as for all below.
func (s *session) row(r *request, size int) {
	s.tap.counts.Rows++
	if r != nil && r.statement != nil {
		r.statement.Rows++
		r.statement.Bytes += size
	}
}

// completed takes note of a statement's end, or of a portal that has more rows to fetch.
func (s *session) completed(r *request, kind byte, body []byte) ending {
	if r == nil || r.statement == nil {
		return ending{}
	}
	st := r.statement
	f := fields(body)
	st.Tag = f.string()
	s.conclude(st)
	s.countTransaction(st)
	end := ending{cut: r.cut, statement: *st}
	if r.kind == msgExecute {
		s.pop()
	} else if kind == msgCommandComplete {
		s.nextOf(r)
	}
	s.placeNext()
	return end
}

// placeNext notes whether the statement whose turn has come runs in a transaction.
func (s *session) placeNext() {
	if r := s.running(); r != nil {
		r.statement.InTransaction = s.inTransaction
	}
}

// countTransaction follows the transaction by what PostgreSQL says was done.
func (s *session) countTransaction(st *Statement) {
	c := &s.tap.counts
	switch st.Tag {
	case "BEGIN", "START TRANSACTION":
		if !s.inTransaction {
			c.Transactions++
		}
		s.inTransaction = true
	case "COMMIT":
		c.Commits++
		s.inTransaction = false
	case "ROLLBACK":
		if !toSavepoint(st.SQL) {
			c.Rollbacks++
			s.inTransaction = false
		}
	}
}

func toSavepoint(sql string) bool {
	for _, t := range tokens(sql) {
		if t.is("to") {
			return true
		}
	}
	return false
}

// nextOf begins the next statement of a simple query. It counts only now: had the last one failed,
// PostgreSQL would have run no further.
func (s *session) nextOf(r *request) {
	if len(r.rest) == 0 {
		return
	}
	r.statement = s.begin(r.rest[0], arguments{})
	r.rest = r.rest[1:]
}

// failed takes note of an error and of all that PostgreSQL passes over because of it.
func (s *session) failed(r *request, state string) (end ending) {
	s.tap.counts.Errors++
	if r == nil {
		return end
	}
	if r.cancelled {
		state = queryCanceled
		end.replacement = errorResponse("ERROR", queryCanceled, "canceling statement due to user request")
	}
	var dropped []*request
	if !r.ends() {
		dropped = s.abandon()
	}
	if st := s.culprit(r, dropped); st != nil {
		st.SQLState = state
		s.conclude(st)
		end.cut, end.statement = r.cut, *st
	}
	for _, d := range dropped {
		s.passOver(d)
	}
	return end
}

// culprit returns the statement that an error is about. The error may come before the statement
// runs, while it is parsed or bound; drivers that parse in a round trip of its own never come to run
// it, and it was a query all the same. It may also come after, when the Sync commits.
func (s *session) culprit(r *request, dropped []*request) *Statement {
	if r.statement != nil {
		return r.statement
	}
	if r.kind == msgSync {
		return s.last
	}
	asked := r.prepared
	if r.portal != nil {
		asked = r.portal.prepared
	}
	for _, d := range dropped {
		if d.kind == msgExecute && d.starts && (asked == nil || d.portal.prepared == asked) {
			return d.statement
		}
	}
	switch r.kind {
	case msgParse:
		return s.begin(r.prepared.sql, arguments{})
	case msgBind:
		return s.begin(r.portal.prepared.sql, r.portal.args)
	}
	return nil
}

// settle ends a round trip.
func (s *session) settle(body []byte) {
	s.ready = true
	s.copying = false
	s.popTo()
	s.last = nil
	f := fields(body)
	status := f.byte()
	s.inTransaction = status == 'T' || status == 'E'
	s.placeNext()
}

// acknowledge removes the request that the reply completes.
func (s *session) acknowledge(r *request, kind byte) {
	if r == nil {
		return
	}
	switch {
	case r.kind == msgParse && kind == msgParseComplete,
		r.kind == msgBind && kind == msgBindComplete,
		r.kind == msgClose && kind == msgCloseComplete,
		r.kind == msgDescribe && (kind == msgRowDescription || kind == msgNoData):
		s.pop()
	}
}

func (s *session) learnTypes(r *request, body []byte) {
	if r == nil || r.prepared == nil {
		return
	}
	f := fields(body)
	types := make([]int, f.int16())
	for i := range types {
		types[i] = f.int32()
	}
	r.prepared.types = types
}
