-- Carts' heads after a change. Totals that were not worked out stay as they are.
UPDATE carts_cart c SET
    customer_id = r.customer_id,
    customer_label = r.customer_label,
    version = r.version,
    currency = r.currency,
    line_count = r.line_count,
    item_count = r.item_count,
    products_minor = coalesce(r.products_minor, c.products_minor),
    discount_minor = coalesce(r.discount_minor, c.discount_minor),
    shipping_minor = coalesce(r.shipping_minor, c.shipping_minor),
    tax_minor = coalesce(r.tax_minor, c.tax_minor),
    total_minor = coalesce(r.total_minor, c.total_minor),
    shipping_method_id = r.shipping_method_id,
    shipping_name = r.shipping_name,
    last_activity_at = r.last_activity_at,
    abandon_after = r.abandon_after,
    seen_at = r.seen_at,
    checkout_started_at = r.checkout_started_at,
    ordered_at = r.ordered_at,
    order_id = r.order_id,
    order_number = r.order_number,
    merged_into_id = r.merged_into_id,
    merged_at = r.merged_at,
    restored_from_id = r.restored_from_id,
    bot_score = r.bot_score,
    bot_reasons = r.bot_reasons
FROM json_populate_recordset(NULL::carts_cart, %(rows)s) r
WHERE c.id = r.id
