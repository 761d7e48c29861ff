-- The cart that a device points at.
SELECT cart_id FROM carts_device WHERE shop_id = %(shop_id)s AND token_hash = %(token_hash)s
