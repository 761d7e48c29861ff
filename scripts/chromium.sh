#!/usr/bin/env bash
# Chromium for the browser tests: installs Debian's if there is none and we may. Never fails: the tests say what they miss.
set -uo pipefail

for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "No Chromium here, and installing it needs root and apt-get: the browser tests will be skipped."
  exit 0
fi

echo "Installing Chromium (apt-get) ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1; then
  tail -5 "$log"
  echo "Chromium could not be installed: the browser tests will be skipped."
fi
exit 0
