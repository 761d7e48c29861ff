-- Make room for carts' vouchers as they are now.
DELETE FROM carts_cartvoucher v
USING json_populate_recordset(NULL::carts_cartvoucher, %(rows)s) r
WHERE v.cart_id = r.cart_id
