package mutation

import "example.com/boxoffice/tools/internal/mutation/score"

// Count counts outcomes, and finds out which survivors nobody has explained, and which
// explanations are of nothing.
func Count(outcomes []Outcome, explained *Explained) (s score.Score, left []Outcome, unused []string) {
	var survivors []Outcome
	s.Mutants = len(outcomes)
	for _, o := range outcomes {
		switch {
		case o.Killed:
			s.Killed++
		case explained.Reason(o.Mutant) != "":
			s.Explained++
			survivors = append(survivors, o)
		default:
			left = append(left, o)
		}
	}
	return s, left, explained.Unused(survivors)
}
