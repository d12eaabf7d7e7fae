package machine

import (
	"bytes"
	"os"
	"strconv"
)

// IdleProcessors tells the part of all processors' time that was idle since it was asked
// last, as the kernel counts it in /proc/stat (see proc_stat(5)). Where there is no such
// file, it is 0.
func IdleProcessors() func() float64 {
	var lastIdle, lastAll float64
	return func() float64 {
		stat, _ := os.ReadFile("/proc/stat")
		line, _, _ := bytes.Cut(stat, []byte("\n"))
		var idle, all float64
		for i, field := range bytes.Fields(line) {
			ticks, _ := strconv.ParseFloat(string(field), 64) // the first one is a name
			all += ticks
			if i == 4 || i == 5 { // idle, iowait
				idle += ticks
			}
			if i == 8 { // what follows is part of the others
				break
			}
		}
		part := 0.0
		if all > lastAll {
			part = (idle - lastIdle) / (all - lastAll)
		}
		lastIdle, lastAll = idle, all
		return part
	}
}
