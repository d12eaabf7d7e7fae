package runner

import "syscall"

// groupAttributes puts a command in a group of its own, and interrupts it when this
// process is killed, so that go removes its temporary files then too.
func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}
