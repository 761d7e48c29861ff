-- An answer kept for whoever asks again with the same key.
INSERT INTO carts_idempotencykey (shop_id, scope, key, request_hash, answer, at)
VALUES (%(shop_id)s, %(scope)s, %(key)s, %(request_hash)s, %(answer)s, %(at)s)
