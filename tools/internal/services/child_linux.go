package services

import "syscall"

// childOfSupervisor has the kernel end the child when its supervisor is killed.
func childOfSupervisor(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: user, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
