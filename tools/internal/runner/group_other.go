//go:build !linux

package runner

import "syscall"

// groupAttributes puts a command in a group of its own. When this process is killed, go
// ends at its next line of output.
func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
