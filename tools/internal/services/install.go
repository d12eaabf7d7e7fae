package services

import (
	"os"
	"runtime"
	"strings"
)

// installCommand returns the command that installs PostgreSQL's server on the
// system that /etc/os-release (freedesktop.org, os-release(5)) describes.
func installCommand(goos, release string) string {
	if goos == "darwin" {
		return "brew install postgresql@17   (or Postgres.app from https://postgresapp.com)"
	}
	return forDistribution(release, installCommands, "see https://www.postgresql.org/download/")
}

// forDistribution chooses the command for the system that /etc/os-release
// describes, or for one that it is like.
func forDistribution(release string, commands map[string]string, otherwise string) string {
	fields := osRelease(release)
	for _, id := range strings.Fields(fields["ID"] + " " + fields["ID_LIKE"]) {
		if command, ok := commands[id]; ok {
			return command
		}
	}
	return otherwise
}

var installCommands = map[string]string{
	"debian":   "sudo apt-get update && sudo apt-get install -y postgresql",
	"ubuntu":   "sudo apt-get update && sudo apt-get install -y postgresql",
	"fedora":   "sudo dnf install -y postgresql-server",
	"rhel":     "sudo dnf install -y postgresql-server",
	"centos":   "sudo dnf install -y postgresql-server",
	"amzn":     "sudo dnf install -y postgresql15-server",
	"alpine":   "apk add postgresql   (as root)",
	"arch":     "sudo pacman -S --noconfirm postgresql",
	"opensuse": "sudo zypper install -y postgresql-server",
	"suse":     "sudo zypper install -y postgresql-server",
	"void":     "sudo xbps-install -y postgresql",
	"gentoo":   "sudo emerge dev-db/postgresql",
	"nixos":    "nix-shell -p postgresql",
}

// redisInstall returns the command that installs a Redis on this system.
func redisInstall() string {
	release, _ := os.ReadFile("/etc/os-release")
	return redisInstallCommand(runtime.GOOS, string(release))
}

func redisInstallCommand(goos, release string) string {
	if goos == "darwin" {
		return "brew install redis"
	}
	return forDistribution(release, redisInstallCommands, "see https://valkey.io/download/")
}

var redisInstallCommands = map[string]string{
	"debian":   "sudo apt-get update && sudo apt-get install -y redis-server",
	"ubuntu":   "sudo apt-get update && sudo apt-get install -y redis-server",
	"fedora":   "sudo dnf install -y valkey",
	"rhel":     "sudo dnf install -y valkey",
	"centos":   "sudo dnf install -y valkey",
	"amzn":     "sudo dnf install -y valkey",
	"alpine":   "apk add valkey   (as root)",
	"arch":     "sudo pacman -S --noconfirm valkey",
	"opensuse": "sudo zypper install -y redis",
	"suse":     "sudo zypper install -y redis",
	"void":     "sudo xbps-install -y valkey",
	"gentoo":   "sudo emerge dev-db/valkey",
	"nixos":    "nix-shell -p valkey",
}

// nginxInstall returns the command that installs nginx on this system.
func nginxInstall() string {
	release, _ := os.ReadFile("/etc/os-release")
	return nginxInstallCommand(runtime.GOOS, string(release))
}

func nginxInstallCommand(goos, release string) string {
	if goos == "darwin" {
		return "brew install nginx"
	}
	return forDistribution(release, nginxInstallCommands, "see https://nginx.org/en/download.html")
}

// Debian and Ubuntu start what they install. The tests need the program alone.
var nginxInstallCommands = map[string]string{
	"debian":   "sudo apt-get update && sudo apt-get install -y nginx-light && sudo systemctl disable --now nginx",
	"ubuntu":   "sudo apt-get update && sudo apt-get install -y nginx-light && sudo systemctl disable --now nginx",
	"fedora":   "sudo dnf install -y nginx",
	"rhel":     "sudo dnf install -y nginx",
	"centos":   "sudo dnf install -y nginx",
	"amzn":     "sudo dnf install -y nginx",
	"alpine":   "apk add nginx   (as root)",
	"arch":     "sudo pacman -S --noconfirm nginx",
	"opensuse": "sudo zypper install -y nginx",
	"suse":     "sudo zypper install -y nginx",
	"void":     "sudo xbps-install -y nginx",
	"gentoo":   "sudo emerge www-servers/nginx",
	"nixos":    "nix-shell -p nginx",
}

func osRelease(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	return fields
}
