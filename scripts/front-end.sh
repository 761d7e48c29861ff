#!/usr/bin/env bash
# Builds the front end, with the Node that came as a Python package.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "Building the front end ..."
if ! .venv/bin/python hatch_build.py; then
  cat >&2 <<'END'

The front end could not be built: the reason is above.
If npm could not reach its registry: the first build needs the network (and npm's proxy or mirror settings, if you have
some); later builds need it only when assets/package-lock.json changes.
END
  exit 1
fi
