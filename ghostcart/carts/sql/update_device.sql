-- The cart that a device fills now, and who signed in on it.
UPDATE carts_device SET cart_id = %(cart_id)s, customer_id = %(customer_id)s WHERE id = %(id)s
