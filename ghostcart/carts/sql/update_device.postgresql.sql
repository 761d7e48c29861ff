-- The carts that devices fill now, and who signed in on them.
UPDATE carts_device d SET cart_id = r.cart_id, customer_id = r.customer_id
FROM json_populate_recordset(NULL::carts_device, %(rows)s) r
WHERE d.id = r.id
