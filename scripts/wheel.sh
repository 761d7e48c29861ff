#!/usr/bin/env bash
# The package as others get it: builds the wheel (into dist/), installs it with pip alone in an empty environment, and
# runs the demo from there until it answers, in German too.
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
wheel=$(find "$PWD/dist" -name 'ghostcart-*.whl' -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2-)
echo "Built $(basename "$wheel"), $(du -h "$wheel" | cut -f1)"

place=$(mktemp -d)
demo=
trap '[ -z "$demo" ] || kill "$demo" 2>/dev/null; wait 2>/dev/null; rm -rf "$place"' EXIT
"$(.venv/bin/python -c 'import sys; print(sys._base_executable)')" -m venv "$place/environment"
"$place/environment/bin/pip" install --quiet --disable-pip-version-check "$wheel"
cd "$place"
port=$("$place/environment/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
GHOSTCART_DATA="$place/data" PORT=$port "$place/environment/bin/ghostcart" demo --carts 300 >"$place/log" 2>&1 &
demo=$!
for _ in $(seq 240); do
  if "$place/environment/bin/python" - "$port" <<'END' 2>/dev/null; then
import sys, urllib.request

base = f"http://127.0.0.1:{sys.argv[1]}"
assert b'"database": "ok"' in urllib.request.urlopen(f"{base}/readyz").read()
assert "Warenkorb" in urllib.request.urlopen(f"{base}/fern/de/").read().decode()
END
    echo "Installed with pip alone, and the demo runs from it."
    exit 0
  fi
  kill -0 "$demo" 2>/dev/null || break
  sleep 0.5
done
cat "$place/log"
echo "The demo did not answer." >&2
exit 1
