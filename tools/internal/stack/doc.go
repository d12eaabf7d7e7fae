// Package stack tests docker-compose.yml and the files under deploy: that they are right in
// themselves, that they agree with the API and with one another, and that what they describe
// runs. No container engine is needed: compose-go loads the file as docker compose does, and the
// programs are started on this machine.
//
// It holds tests alone, so that no command compiles what reads the file.
package stack
