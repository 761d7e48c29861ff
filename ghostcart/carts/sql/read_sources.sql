-- The carts that some carts were restored from, and those that these were restored from in turn.
WITH RECURSIVE chain (id) AS (
    SELECT restored_from_id FROM carts_cart WHERE id IN ({ids}) AND restored_from_id IS NOT NULL
    UNION
    SELECT c.restored_from_id
    FROM chain
    JOIN carts_cart c ON c.id = chain.id
    WHERE c.restored_from_id IS NOT NULL
)
SELECT id FROM chain
