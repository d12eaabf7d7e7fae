#!/bin/sh
# Gives nginx the configuration of the step that runs, or the stack's where the step has
# none. nginx's image runs this before it starts nginx.
set -eu
conf=${MODULE_CONF:-/module/deploy/nginx.conf}
[ -f "$conf" ] || conf=${STACK_CONF:-/stack/nginx.conf}
cp "$conf" "${CONF_DIR:-/etc/nginx/conf.d}/default.conf"
echo "choose-conf: $conf"
