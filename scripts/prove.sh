#!/usr/bin/env bash
# The promises of the follow-ups at their full numbers: 1,000 kills, 10,000 interleavings, 200 rounds of 50 threads,
# 1,000 shops. Prints each figure. On PostgreSQL, where rows are really fought for; the kills on SQLite too.
# Arguments choose tests, as with pytest: scripts/prove.sh tests/vouchers/test_redeeming.py -k fifty
set -uo pipefail
cd "$(dirname "$0")/.."

export GHOSTCART_LONG=1
export DATABASE_POOL=60  # a connection for each of fifty threads: they meet at the rows, not at the pool
failed=0

prove() {
  echo "== $1"
  GHOSTCART_TEST_DATABASE=$1 .venv/bin/python -m pytest -q -s "${@:2}" || failed=1
}

if [ $# -gt 0 ]; then
  prove postgres "$@"
else
  prove sqlite tests/mail/test_kill.py
  prove postgres tests/mail/test_kill.py tests/vouchers/test_redeeming.py \
    tests/recovery/test_{order_races,guard_races,guard,statistics,replay,scan,hours}.py
fi
exit $failed
