// Package verify holds the author's checks: that the course still is what it claims
// to be. A starter fails where its lesson says and nowhere else, a solution passes,
// every wrong answer is caught by the test that it names, and the text around the
// code is in order.
//
// A check becomes jobs, one for each thing that it looks at (a step, a patch, the whole
// course). Each job ends in a verdict: passed, failed with its findings, or skipped
// with the reason. The checks are listed, in the order of their results, in checks.go.
package verify
