package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatPrometheusCanNotReadIsNamed(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{"requests": 3}`:   "is no name of a metric",
		"up":                "it has no value",
		"up{} ":             "it has no value",
		"up one":            `"one" is no number`,
		"up 1 2 3":          "it has no value",
		`up{a=1} 1`:         `its labels are not name="value"`,
		`up{a="1} 1`:        "a label's value doesn't end",
		`up{a="1",a="2"} 1`: "it has the label a twice",
		"ok 1\n9up 1":       "line 2",
	} {
		_, err := parseMetrics(text)
		require.ErrorContains(t, err, says, text)
	}
}
