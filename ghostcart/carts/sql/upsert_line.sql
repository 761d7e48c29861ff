-- A line put in or changed.
INSERT INTO carts_cartline (
    cart_id, shop_id, key, position, product_id, variant_id, sku, name, option, picture,
    unit_price_micros, regular_micros, tax_rate_ppm, quantity, total_minor, is_gift, added_at
) VALUES (
    %(cart_id)s, %(shop_id)s, %(key)s, %(position)s, %(product_id)s, %(variant_id)s, %(sku)s,
    %(name)s, %(option)s, %(picture)s, %(unit_price_micros)s, %(regular_micros)s, %(tax_rate_ppm)s,
    %(quantity)s, %(total_minor)s, %(is_gift)s, %(added_at)s
)
ON CONFLICT (cart_id, key) DO UPDATE SET
    quantity = excluded.quantity,
    unit_price_micros = excluded.unit_price_micros,
    regular_micros = excluded.regular_micros,
    tax_rate_ppm = excluded.tax_rate_ppm,
    total_minor = excluded.total_minor
