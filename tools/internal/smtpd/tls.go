package smtpd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// identity is the certificate of all servers of this process, which nobody trusts unless told to.
var identity = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the workshop's mail server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
})

// Certificate is what clients have to trust, in PEM, for TLS with a server of this process.
func Certificate() ([]byte, error) {
	own, err := identity()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}), nil
}

// OfferTLS has the server offer STARTTLS from the next EHLO on. Whoever doesn't take the offer is served
// all the same: [Message.Encrypted] tells.
func (s *Server) OfferTLS() error {
	own, err := identity()
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tls = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	return nil
}

// Handshakes returns how often a client began with TLS, whatever came of it.
func (s *Server) Handshakes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handshakes
}

// offer is the TLS that is offered, nil for none.
func (s *Server) offer() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tls
}

// startTLS answers STARTTLS. What the client has said before is forgotten (RFC 3207, section 4.2).
func (s *session) startTLS() error {
	config := s.server.offer()
	switch {
	case config == nil:
		return s.reply(502, "5.5.1 command not known here")
	case s.encrypted:
		return s.reply(503, "5.5.1 TLS is on already")
	case s.reader.Buffered() > 0: // commands that would be taken for encrypted ones
		_ = s.reply(501, "5.5.4 nothing may follow STARTTLS unencrypted")
		return errHangUp
	}
	if err := s.reply(220, "2.0.0 go ahead"); err != nil {
		return err
	}
	s.server.mu.Lock()
	s.server.handshakes++
	s.server.mu.Unlock()
	conn := tls.Server(s.conn, config)
	if err := conn.HandshakeContext(s.conn.Context()); err != nil {
		return err
	}
	s.use(conn)
	s.encrypted, s.greeted = true, false
	s.reset()
	return nil
}
