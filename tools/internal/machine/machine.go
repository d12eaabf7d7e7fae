// Package machine tells how busy this machine is: what takes time means little on one that has much
// else to do.
package machine

import (
	"fmt"
	"runtime"
)

// Load is how many processes wanted a processor, on average over the last minute
// (https://man7.org/linux/man-pages/man3/getloadavg.3.html); 0 where the system doesn't tell.
func Load() float64 { return loadAverage() }

const (
	// testsBear is how much load a core bears until tests may fail for that alone: they ask several
	// APIs at once themselves.
	testsBear = 4
	// testsMake is how much load tests make on any machine.
	testsMake = 8
	// measuringBears is how much load a core bears until rates and latencies mean little.
	measuringBears = 1.5
)

// TooBusyToTest says that tests may have failed for the load alone; "" when that is unlikely.
func TooBusyToTest(load float64) string { return tooBusyToTest(load, runtime.NumCPU()) }

func tooBusyToTest(load float64, cores int) string {
	if load < float64(max(testsMake, testsBear*cores)) {
		return ""
	}
	return fmt.Sprintf("The load is %.0f on %d cores: a busy machine alone can fail tests.", load, cores)
}

// TooBusyToMeasure says that what is measured now tells of the load as well; "" when it is low.
func TooBusyToMeasure(load float64) string { return tooBusyToMeasure(load, runtime.NumCPU()) }

func tooBusyToMeasure(load float64, cores int) string {
	if load < measuringBears*float64(cores) {
		return ""
	}
	return fmt.Sprintf("The load is %.0f on %d cores: rates and latencies tell of that as well. Counts hold.", load, cores)
}

// AvailableMemory is how much memory programs may still take, in bytes, before the machine swaps, or
// ends one of them. known is false where the system doesn't tell.
func AvailableMemory() (bytes uint64, known bool) { return availableMemory() }
