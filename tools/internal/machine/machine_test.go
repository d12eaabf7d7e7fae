package machine

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLoadIsKnown(t *testing.T) {
	assert.Positive(t, Load(), "this test runs")
}

func TestBusyMachinesAreCalledSo(t *testing.T) {
	for _, c := range []struct {
		load             float64
		cores            int
		tests, measuring bool
	}{
		{0.3, 2, false, false},
		{2.4, 2, false, false},
		{3.5, 2, false, true},
		{7, 2, false, true},
		{7, 1, false, true},
		{28, 2, true, true},
		{28, 16, false, true},
		{20, 16, false, false},
		{70, 16, true, true},
	} {
		assert.Equal(t, c.tests, tooBusyToTest(c.load, c.cores) != "", c)
		assert.Equal(t, c.measuring, tooBusyToMeasure(c.load, c.cores) != "", c)
	}
	assert.Contains(t, tooBusyToTest(28.2, 2), "The load is 28 on 2 cores")
}

func TestIdleProcessorsAreSeen(t *testing.T) {
	if _, err := os.Stat("/proc/stat"); err != nil {
		t.Skip("this system has no /proc/stat: nothing is lent")
	}
	idle := IdleProcessors()
	for range 3 {
		if part := idle(); part < 0 || part > 1 {
			t.Errorf("%v of the processors' time was idle", part)
		}
	}
	if since := IdleProcessors()(); since <= 0 || since >= 1 {
		t.Errorf("since the machine was started, %v of the processors' time was idle", since)
	}
}
