-- The place behind the last entry.
SELECT 0, coalesce(max(id), 0) FROM carts_cartevent
