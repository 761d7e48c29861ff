-- The entries behind a place; ids are given in the order of commits, as there is one writer.
SELECT 0, id, shop_id, cart_id, cart_version, kind, actor, at, data
FROM carts_cartevent
WHERE id > %(id)s AND %(transaction)s >= 0
ORDER BY id
LIMIT %(limit)s
