-- A new cart, made by its first accepted line.
INSERT INTO carts_cart (
    id, shop_id, customer_id, customer_label, version, currency, language, prices_include_tax,
    line_count, item_count, products_minor, discount_minor, shipping_minor, tax_minor, total_minor,
    shipping_method_id, shipping_name, created_at, last_activity_at, abandon_after, seen_at,
    checkout_started_at, ordered_at, order_id, order_number, merged_into_id, merged_at, restored_from_id, bot_score,
    bot_reasons, source, is_demo, deleted_by
) VALUES (
    %(id)s, %(shop_id)s, %(customer_id)s, %(customer_label)s, %(version)s, %(currency)s, %(language)s,
    %(prices_include_tax)s, %(line_count)s, %(item_count)s, %(products_minor)s, %(discount_minor)s,
    %(shipping_minor)s, %(tax_minor)s, %(total_minor)s, %(shipping_method_id)s, %(shipping_name)s,
    %(created_at)s, %(last_activity_at)s, %(abandon_after)s, %(seen_at)s, %(checkout_started_at)s,
    %(ordered_at)s, %(order_id)s, %(order_number)s, %(merged_into_id)s, %(merged_at)s,
    %(restored_from_id)s, %(bot_score)s, %(bot_reasons)s, %(source)s, %(is_demo)s, ''
)
