package postgres

import "example.com/boxoffice/tools/internal/services/program"

// install says how PostgreSQL's server is installed.
var install = program.Install{
	MacOS:     "brew install postgresql@17   (or Postgres.app from https://postgresapp.com)",
	Otherwise: "see https://www.postgresql.org/download/",
	Linux: map[string]string{
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
	},
}
