-- Answers kept for whoever asks again with the same key.
INSERT INTO carts_idempotencykey (shop_id, scope, key, request_hash, answer, at)
SELECT shop_id, scope, key, request_hash, answer, at
FROM json_populate_recordset(NULL::carts_idempotencykey, %(rows)s)
