-- New carts, each made by its first accepted line.
INSERT INTO carts_cart (
    id, shop_id, customer_id, customer_label, version, currency, language, prices_include_tax,
    line_count, item_count, products_minor, discount_minor, shipping_minor, tax_minor, total_minor,
    shipping_method_id, shipping_name, created_at, last_activity_at, abandon_after, seen_at,
    checkout_started_at, ordered_at, order_id, order_number, merged_into_id, merged_at, restored_from_id, bot_score,
    bot_reasons, source, is_demo, deleted_by
)
SELECT
    id, shop_id, customer_id, customer_label, version, currency, language, prices_include_tax,
    line_count, item_count, products_minor, discount_minor, shipping_minor, tax_minor, total_minor,
    shipping_method_id, shipping_name, created_at, last_activity_at, abandon_after, seen_at,
    checkout_started_at, ordered_at, order_id, order_number, merged_into_id, merged_at, restored_from_id, bot_score,
    bot_reasons, source, is_demo, ''
FROM json_populate_recordset(NULL::carts_cart, %(rows)s)
