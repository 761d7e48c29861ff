-- The vouchers on some carts, in the order they were put there.
SELECT cart_id, voucher_id, code, name, amount_minor, refusal, applied_at
FROM carts_cartvoucher
WHERE cart_id IN ({ids})
ORDER BY cart_id, id
