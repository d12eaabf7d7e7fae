//go:build !linux

package services

import "syscall"

// childOfSupervisor starts the child in a process group of its own. Where the
// kernel doesn't tie it to its supervisor, sweep ends it at the next start.
func childOfSupervisor(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: user, Setpgid: true}
}
