-- The entries behind a place, below the horizon of running transactions: no later commit can come before them.
SELECT xid::text::bigint, id, shop_id, cart_id, cart_version, kind, actor, at, data
FROM carts_cartevent
WHERE (xid, id) > (%(transaction)s::text::xid8, %(id)s)
  AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, id
LIMIT %(limit)s
