#!/usr/bin/env bash
# What Ghostcart promises (tests/promises.py), shown, and beside it what happens without the protection: one table.
# At their full numbers (1,000 kills, 10,000 interleavings, 200 rounds of 50 threads) on PostgreSQL, where rows are really
# fought for: up to an hour. `--quick`: at the numbers of `make test`, in minutes.
# Other arguments go to pytest: scripts/prove.sh tests/vouchers/test_redeeming.py -k fifty
set -uo pipefail
cd "$(dirname "$0")/.."

scripts/chromium.sh
export GHOSTCART_TEST_DATABASE=postgres
export DATABASE_POOL=60  # a connection for each of fifty threads: they meet at the rows, not at the pool
if [ "${1:-}" = --quick ]; then
  shift
else
  export GHOSTCART_LONG=1
fi
if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046  # a list of tests
  set -- $(.venv/bin/python -m tests.promises)
fi
exec .venv/bin/python -m pytest -q -n 2 --dist worksteal "$@"
