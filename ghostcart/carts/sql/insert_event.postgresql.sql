-- Entries of the cart log.
INSERT INTO carts_cartevent (shop_id, cart_id, cart_version, kind, actor, at, data)
SELECT shop_id, cart_id, cart_version, kind, actor, at, data
FROM json_populate_recordset(NULL::carts_cartevent, %(rows)s)
