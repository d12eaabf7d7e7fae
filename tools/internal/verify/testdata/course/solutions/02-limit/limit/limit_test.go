package limit

import "testing"

func TestOneIsAllowed(t *testing.T) {
	if !Allowed(1) {
		t.Error("one ticket is refused")
	}
}
