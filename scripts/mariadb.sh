#!/usr/bin/env bash
# MariaDB's programs for the tests of shops that are read from theirs: installs Debian's if there are none and we may.
# The server itself is not started. Never fails: the tests say what they miss.
set -uo pipefail

for name in mariadbd mysqld; do
  PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$name" >/dev/null && exit 0
done

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "No MariaDB here, and installing it needs root and apt-get: the tests of PrestaShop databases will be skipped."
  exit 0
fi

echo "Installing MariaDB (apt-get) ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Its service stays off: each run of the tests starts a server of its own.
if ! { apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mariadb-server; } >"$log" 2>&1; then
  tail -5 "$log"
  echo "MariaDB could not be installed: the tests of PrestaShop databases will be skipped."
fi
exit 0
