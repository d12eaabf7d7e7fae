package lab

import "strings"

// The race detector frames each report with this line and begins it with that one:
// https://go.dev/doc/articles/race_detector#Report_Format
const (
	raceFrame = "=================="
	raceHead  = "WARNING: DATA RACE"
)

// reportRaces fails the test when the race detector spoke in a process of the API. It
// runs there with `go test -race`, too, but it writes to that process's standard error
// and sets its exit code, which is lost when the process is killed.
func (a *App) reportRaces() {
	for _, process := range a.processes() {
		if report := firstRace(process.Logs()); report != "" {
			a.t.Errorf("The race detector found that goroutines of %s use the same memory unguarded:\n%s",
				process.title(), indent(report, "| "))
			return
		}
	}
}

// firstRace is the first report of the race detector among the lines, without its frame.
func firstRace(lines []LogLine) string {
	var report []string
	for _, line := range lines {
		switch {
		case line.Text == raceHead || len(report) > 0 && line.Text != raceFrame:
			report = append(report, line.Text)
		case len(report) > 0:
			return strings.Join(report, "\n")
		}
	}
	return strings.Join(report, "\n")
}
