#!/usr/bin/env bash
# Style, types, imports, migrations. Runs them all, then fails if one failed.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=()

# For the commands that load the settings: no file of a real shop is touched.
GHOSTCART_DATA=$(mktemp -d)
export GHOSTCART_DATA
trap 'rm -rf "$GHOSTCART_DATA"' EXIT
unset DATABASE_URL

check() {
  local name=$1
  shift
  echo "-- $name"
  "$@" || failed+=("$name")
}

check "ruff: rules" $bin/ruff check --quiet --output-format concise .
check "ruff: format" $bin/ruff format --check --output-format concise .
check "mypy: types" $bin/mypy
check "import-linter: rooms" $bin/lint-imports
check "missing migrations" $bin/ghostcart makemigrations --check --dry-run

if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
