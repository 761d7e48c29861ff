-- A voucher on a cart and what it takes there.
INSERT INTO carts_cartvoucher (cart_id, shop_id, voucher_id, code, name, amount_minor, refusal, applied_at)
VALUES (%(cart_id)s, %(shop_id)s, %(voucher_id)s, %(code)s, %(name)s, %(amount_minor)s, %(refusal)s, %(applied_at)s)
