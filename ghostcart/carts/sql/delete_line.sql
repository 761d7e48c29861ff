-- A line taken out.
DELETE FROM carts_cartline WHERE cart_id = %(cart_id)s AND key = %(key)s
