-- From when on undecided carts count as abandoned, unless the shopper has gone on since.
UPDATE carts_cart c SET abandon_after = r.abandon_after
FROM json_populate_recordset(NULL::carts_cart, %(rows)s) r
WHERE c.id = r.id AND c.last_activity_at = r.last_activity_at AND c.ordered_at IS NULL AND c.merged_at IS NULL
