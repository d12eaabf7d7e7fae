#!/bin/sh
# Makes .env beside docker-compose.yml, with random secrets. One that is there is left alone.
set -eu
cd "$(dirname "$0")/.."
umask 077

if [ -e .env ]; then
  echo ".env is there already. For new secrets, remove it, and the data made with the old ones:"
  echo "  docker compose --profile '*' down --volumes && rm .env && sh deploy/secrets.sh"
  exit 0
fi

# 32 bytes in hexadecimal: nothing in them needs quotes, in a URL or in a shell.
secret() { od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'; }

cat >.env <<END
# Secrets of the stack on this machine. Git ignores this file.
POSTGRES_PASSWORD=$(secret)
TOKEN_SECRET=$(secret)
GF_SECURITY_ADMIN_PASSWORD=$(secret)
END
echo "made .env; Grafana's user is admin, and its password is in there"
