#!/usr/bin/env bash
# All checks, then the suite on SQLite and on PostgreSQL; at the end, what failed and what was skipped and why. What does
# not depend on the database runs once; with EVERYWHERE=1 all of it runs on both.
# Arguments go to pytest. With CI=true anything skipped is a failure (tests/conftest.py).
# A test that fails is run once more, alone: races are fought beside a whole suite on few cores, where the machine itself
# can be late. What passes only then is named at the end, to be looked into; what fails twice fails the run.
set -uo pipefail
cd "$(dirname "$0")/.."

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed=()
unset PYTHONDONTWRITEBYTECODE  # hundreds of processes are started: what one has compiled is there for the next

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
tests() {
  local name=$1 log
  log="$results/tests-on-$1"
  shift
  echo
  echo "== tests on $name"
  "$@" -n 2 --dist worksteal -o cache_dir="$results/cache-$name" 2>&1 | tee "$log"
  case ${PIPESTATUS[0]} in
    0) return ;;
    1) ;;
    *) failed+=("tests on $name") && return ;;
  esac
  echo
  echo "== tests on $name that failed, once more"
  if "$@" -o cache_dir="$results/cache-$name" --last-failed --last-failed-no-failures none; then
    grep -E '^(FAILED|ERROR) ' "$log" >>"$results/passed-alone"
  else
    failed+=("tests on $name")
  fi
}

[ "${EVERYWHERE:-}" = 1 ] || set -- --once "$@"
run "checks" scripts/check.sh
tests SQLite .venv/bin/python -m pytest -rsfE "$@"
tests PostgreSQL env GHOSTCART_TEST_DATABASE=postgres .venv/bin/python -m pytest -rsfE "$@"

echo
echo "== Result"
for log in "$results"/tests-*; do
  name=$(basename "$log")
  grep -E '^SKIPPED' "$log" | sed "s/^/${name#tests-on-}: /"
  echo "${name#tests-on-}: $(tail -1 "$log" | tr -d '=' | sed 's/^ *//; s/ *$//')"
done
if [ -s "$results/passed-alone" ]; then
  echo "Passed only when run again, alone:"
  sed 's/^/  /' "$results/passed-alone"
fi
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All passed."
