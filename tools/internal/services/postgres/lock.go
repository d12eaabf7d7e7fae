package postgres

// The three locks, all flock(2), all let go by the kernel when their holder dies:
//
//	state/users.lock  shared by every user of the server; the supervisor stops only once it holds it alone
//	state/start.lock  held alone while a server is started or stopped
//	run/lock          held by the supervisor for as long as it lives
const (
	usersLock = "users.lock"
	startLock = "start.lock"
	runLock   = "lock"
)
