#!/usr/bin/env bash
# install.sh LOCK...: brings the packages of these lock files into .venv, each checked against its hash.
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=()
for lock in "$@"; do arguments+=(-r "$lock"); done

echo "Installing the packages of $* ..."
if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes "${arguments[@]}"; then
  cat >&2 <<'END'

The packages could not be installed: pip's own words are above.
The first run needs the network (Python's package index); later runs do not. If you are behind a proxy or use a
mirror, tell pip about it (pip config, or the PIP_* variables) and run the same command again.
END
  exit 1
fi
