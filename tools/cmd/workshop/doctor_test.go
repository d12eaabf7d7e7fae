package main

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/doctor"
)

func TestDoctorGoesOnAfterAnIllnessAndSaysWhatToRun(t *testing.T) {
	var out bytes.Buffer
	e, checkups := &env{stdout: &out, stderr: &out}, []doctor.Checkup{
		{Name: "one", Run: func(context.Context) doctor.Diagnosis {
			return doctor.Diagnosis{Err: errors.New("broken"), Next: "mend it"}
		}},
		{Name: "two", Run: func(context.Context) doctor.Diagnosis { return doctor.Diagnosis{Detail: "slow", Note: "but it works"} }},
		{Name: "three", Run: func(context.Context) doctor.Diagnosis { return doctor.Diagnosis{Detail: "fine"} }},
	}
	err := e.examine(t.Context(), checkups)
	require.Equal(t, cli.ExitMachine, cli.ExitCode(err))
	require.ErrorContains(t, err, "1 check failed")
	for _, line := range []string{"FAIL  one            broken", "next: mend it", "note  two            slow", "ok    three          fine"} {
		require.Contains(t, out.String(), line)
	}
}

func TestDoctorIsSatisfiedWithNotes(t *testing.T) {
	var out bytes.Buffer
	e, checkups := &env{stdout: &out, stderr: &out}, []doctor.Checkup{
		{Name: "two", Run: func(context.Context) doctor.Diagnosis { return doctor.Diagnosis{Detail: "slow", Note: "but it works"} }},
	}
	require.NoError(t, e.examine(t.Context(), checkups))
	require.Contains(t, out.String(), "This machine is ready")
}
