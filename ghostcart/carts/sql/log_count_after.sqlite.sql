-- How many entries lie behind a place, counted up to a limit.
SELECT count(*)
FROM (SELECT 1 FROM carts_cartevent WHERE id > %(id)s AND %(transaction)s >= 0 LIMIT %(limit)s) AS entries
