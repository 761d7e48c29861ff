-- Lines put in or changed.
INSERT INTO carts_cartline (
    cart_id, shop_id, key, position, product_id, variant_id, sku, name, option, picture,
    unit_price_micros, regular_micros, tax_rate_ppm, quantity, total_minor, is_gift, added_at
)
SELECT
    cart_id, shop_id, key, position, product_id, variant_id, sku, name, option, picture,
    unit_price_micros, regular_micros, tax_rate_ppm, quantity, total_minor, is_gift, added_at
FROM json_populate_recordset(NULL::carts_cartline, %(rows)s)
ON CONFLICT (cart_id, key) DO UPDATE SET
    quantity = excluded.quantity,
    unit_price_micros = excluded.unit_price_micros,
    regular_micros = excluded.regular_micros,
    tax_rate_ppm = excluded.tax_rate_ppm,
    total_minor = excluded.total_minor
