package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/boxoffice/tools/internal/smtpd"
)

// MailCertificate is a file with the certificate of [App.Mail], which OfferTLS has it show. An API trusts
// it whose SSL_CERT_FILE names the file, but for macOS, where Go asks the system alone.
func MailCertificate(t testing.TB) string {
	t.Helper()
	certificate, err := smtpd.Certificate()
	if err != nil {
		t.Fatal(setupFailure(err))
	}
	path := filepath.Join(t.TempDir(), "mail.pem")
	if err := os.WriteFile(path, certificate, 0o600); err != nil {
		t.Fatal(setupFailure(err))
	}
	return path
}

// showComplaints prints under a failed test what the mail server has said of mails that it didn't
// take, each once: what is missing may be missing since.
func (a *App) showComplaints() {
	if a.Mail == nil {
		return
	}
	said := slices.Compact(slices.Sorted(slices.Values(a.Mail.Complaints())))
	if len(said) > 0 {
		a.t.Logf("The mail server has refused what was handed over, as real ones would:\n%s", indent(strings.Join(said, "\n"), "| "))
	}
}
