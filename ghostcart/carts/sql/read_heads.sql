-- The heads of some carts.
SELECT id, shop_id, customer_id, customer_label, version, currency, language, shipping_method_id, created_at,
       last_activity_at, abandon_after, seen_at, checkout_started_at, ordered_at, order_id, order_number,
       merged_into_id, merged_at, restored_from_id, deleted_at, bot_reasons, source
FROM carts_cart
WHERE id IN ({ids})
ORDER BY id
