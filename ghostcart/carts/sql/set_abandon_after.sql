-- From when on an undecided cart counts as abandoned, unless the shopper has gone on since.
UPDATE carts_cart SET abandon_after = %(abandon_after)s
WHERE id = %(id)s AND last_activity_at = %(last_activity_at)s AND ordered_at IS NULL AND merged_at IS NULL
