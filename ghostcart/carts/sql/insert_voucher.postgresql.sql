-- The vouchers on carts and what they take there.
INSERT INTO carts_cartvoucher (cart_id, shop_id, voucher_id, code, name, amount_minor, refusal, applied_at)
SELECT cart_id, shop_id, voucher_id, code, name, amount_minor, refusal, applied_at
FROM json_populate_recordset(NULL::carts_cartvoucher, %(rows)s)
