-- The lines of some carts, with what is left in stock.
SELECT l.cart_id, l.key, l.position, l.product_id, l.variant_id, l.sku, l.name, l.option, l.picture,
       l.unit_price_micros, l.regular_micros, l.tax_rate_ppm, l.quantity, l.total_minor, l.is_gift, l.added_at, v.stock
FROM carts_cartline l
LEFT JOIN catalog_variant v ON v.id = l.variant_id
WHERE l.cart_id IN ({ids})
ORDER BY l.cart_id, l.position
