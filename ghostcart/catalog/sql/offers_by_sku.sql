-- Variants that can be sold now, by their sku, with the price in one currency.
SELECT v.id, p.id, v.sku, p.names, v.options, p.reference, v.picture, v.stock, p.tax_rate_ppm,
       c.price_micros, c.regular_micros
FROM catalog_variant v
JOIN catalog_product p ON p.id = v.product_id
JOIN catalog_price c ON c.variant_id = v.id AND c.currency = %(currency)s
WHERE v.shop_id = %(shop_id)s AND v.sku IN ({keys}) AND v.is_active AND p.is_active
