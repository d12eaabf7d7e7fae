package redis

import "example.com/boxoffice/tools/internal/services/program"

// install says how a Redis is installed.
var install = program.Install{
	MacOS:     "brew install redis",
	Otherwise: "see https://valkey.io/download/",
	Linux: map[string]string{
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
	},
}
