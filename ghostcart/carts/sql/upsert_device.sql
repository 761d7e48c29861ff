-- Note that a device was seen.
INSERT INTO carts_device
    (shop_id, token_hash, language, page, user_agent, first_seen_at, seen_at, bot_score, bot_reasons)
VALUES
    (%(shop_id)s, %(token_hash)s, %(language)s, %(page)s, %(user_agent)s, %(seen_at)s, %(seen_at)s, %(bot_score)s, %(bot_reasons)s)
ON CONFLICT (shop_id, token_hash) DO UPDATE SET
    seen_at = excluded.seen_at,
    page = CASE WHEN excluded.page <> '' THEN excluded.page ELSE carts_device.page END
RETURNING shop_id, token_hash, id, cart_id, customer_id
