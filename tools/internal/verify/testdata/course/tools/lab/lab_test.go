package lab

import "testing"

func TestTask(t *testing.T) { Task(t, 1) }
