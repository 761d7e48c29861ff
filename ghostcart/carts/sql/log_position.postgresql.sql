-- The place behind all transactions that have ended: what is running now or starts later comes after it.
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1), 999999999999999999
