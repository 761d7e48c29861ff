-- Lines taken out.
DELETE FROM carts_cartline l
USING json_populate_recordset(NULL::carts_cartline, %(rows)s) r
WHERE l.cart_id = r.cart_id AND l.key = r.key
