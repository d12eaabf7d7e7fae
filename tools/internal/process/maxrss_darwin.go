package process

// maxrssUnit is what Rusage.Maxrss counts: getrusage(2) of macOS gives bytes.
const maxrssUnit = 1
