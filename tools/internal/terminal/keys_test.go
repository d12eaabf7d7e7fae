package terminal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeysAreLettersNotSequences(t *testing.T) {
	for chunk, want := range map[string]string{
		"h": "h", "H": "h", "\x1b[A": "", "\x1b[1;5Aq": "q", "\x1bOA": "", "\x1b": "", "hh": "hh", "\x1b[200~x": "x", "ä": "ä",
	} {
		assert.Equal(t, want, string(withoutSequences([]byte(chunk))), "%q", chunk)
	}
}

func TestRawWriterReturnsTheCarriage(t *testing.T) {
	var out bytes.Buffer
	n, err := RawWriter{Out: &out}.Write([]byte("a\nb\n"))
	require.NoError(t, err)
	assert.Equal(t, 4, n)
	assert.Equal(t, "a\r\nb\r\n", out.String())
}
