#!/usr/bin/env bash
# Makes .venv with a Python of at least 3.11 ($PYTHON, if you want a certain one).
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install() {
  echo "Installing $* (apt-get) ..."
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null
}

if ! python=$(find_python); then
  can_install && install python3 python3-venv
  if ! python=$(find_python); then
    echo "Ghostcart needs Python 3.11 or newer; none was found on PATH. (PYTHON=/path/to/python3.11 make names one.)" >&2
    exit 1
  fi
fi

if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  can_install && install python3-venv
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "$python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv, then again." >&2
    exit 1
  fi
fi

echo "Making .venv with $("$python" --version) ..."
"$python" -m venv --clear .venv
