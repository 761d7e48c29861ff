-- How many entries lie behind a place, counted up to a limit.
SELECT count(*)
FROM (
    SELECT 1 FROM carts_cartevent WHERE (xid, id) > (%(transaction)s::text::xid8, %(id)s) LIMIT %(limit)s
) AS entries
