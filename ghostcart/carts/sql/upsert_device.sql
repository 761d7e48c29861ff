-- Note that a device was seen; on PostgreSQL this also locks its row until the commit.
INSERT INTO carts_device
    (shop_id, token_hash, language, page, user_agent, first_seen_at, seen_at, bot_score, bot_reasons)
VALUES
    (%(shop_id)s, %(token_hash)s, %(language)s, %(page)s, %(user_agent)s, %(at)s, %(at)s, %(bot_score)s, %(bot_reasons)s)
ON CONFLICT (shop_id, token_hash) DO UPDATE SET
    seen_at = excluded.seen_at,
    page = CASE WHEN excluded.page <> '' THEN excluded.page ELSE carts_device.page END
RETURNING id, cart_id, customer_id
