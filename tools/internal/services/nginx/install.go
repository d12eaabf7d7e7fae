package nginx

import "example.com/boxoffice/tools/internal/services/program"

// install says how nginx is installed. Debian and Ubuntu start what they install; the tests need
// the program alone.
var install = program.Install{
	MacOS:     "brew install nginx",
	Otherwise: "see https://nginx.org/en/download.html",
	Linux: map[string]string{
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
	},
}
