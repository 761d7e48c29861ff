-- Note that devices were seen; this also locks their rows until the commit, in the order given.
INSERT INTO carts_device
    (shop_id, token_hash, language, page, user_agent, first_seen_at, seen_at, bot_score, bot_reasons)
SELECT shop_id, token_hash, language, page, user_agent, seen_at, seen_at, bot_score, bot_reasons
FROM json_populate_recordset(NULL::carts_device, %(rows)s)
ON CONFLICT (shop_id, token_hash) DO UPDATE SET
    seen_at = excluded.seen_at,
    page = CASE WHEN excluded.page <> '' THEN excluded.page ELSE carts_device.page END
RETURNING shop_id, token_hash, id, cart_id, customer_id
