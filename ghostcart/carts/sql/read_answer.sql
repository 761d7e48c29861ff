-- The answer already given to an Idempotency-Key.
SELECT request_hash, answer
FROM carts_idempotencykey
WHERE shop_id = %(shop_id)s AND scope = %(scope)s AND key = %(key)s
