-- Make room for a cart's vouchers as they are now.
DELETE FROM carts_cartvoucher WHERE cart_id = %(cart_id)s
