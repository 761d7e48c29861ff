#!/usr/bin/env bash
# All checks, then the whole suite on SQLite and on PostgreSQL; at the end, what failed and what was skipped and why.
# Arguments go to pytest. With CI=true anything skipped is a failure (tests/conftest.py).
set -uo pipefail
cd "$(dirname "$0")/.."

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed=()

run() {
  local name=$1 log
  log="$results/${1// /-}"
  shift
  echo
  echo "== $name"
  "$@" 2>&1 | tee "$log"
  [ "${PIPESTATUS[0]}" = 0 ] || failed+=("$name")
}

scripts/chromium.sh
scripts/mariadb.sh
run "checks" scripts/check.sh
run "tests on SQLite" .venv/bin/python -m pytest -n 2 "$@"
run "tests on PostgreSQL" env GHOSTCART_TEST_DATABASE=postgres .venv/bin/python -m pytest -n 2 "$@"

echo
echo "== Result"
for log in "$results"/tests-*; do
  name=$(basename "$log")
  grep -E '^SKIPPED' "$log" | sed "s/^/${name#tests-on-}: /"
  echo "${name#tests-on-}: $(tail -1 "$log" | tr -d '=' | sed 's/^ *//; s/ *$//')"
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All passed."
