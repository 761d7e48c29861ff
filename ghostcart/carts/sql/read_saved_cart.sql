-- The live cart that a customer filled last while signed in.
SELECT c.id
FROM carts_device d
JOIN carts_cart c ON c.id = d.cart_id
WHERE d.customer_id = %(customer_id)s AND d.shop_id = %(shop_id)s
  AND c.customer_id = d.customer_id
  AND c.ordered_at IS NULL AND c.merged_at IS NULL AND c.deleted_at IS NULL
ORDER BY c.last_activity_at DESC
LIMIT 1
