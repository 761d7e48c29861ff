-- Where the carts of some shops come from: in each shop from one to the next by the index, however many carts.
WITH RECURSIVE found (shop_id, source) AS (
    SELECT shops.id, (SELECT min(lowest.source) FROM carts_cart lowest WHERE lowest.shop_id = shops.id)
    FROM shops_shop shops WHERE shops.id IN ({ids})
    UNION ALL
    SELECT found.shop_id, (SELECT min(beyond.source) FROM carts_cart beyond
                           WHERE beyond.shop_id = found.shop_id AND beyond.source > found.source)
    FROM found WHERE found.source IS NOT NULL
)
SELECT DISTINCT source FROM found WHERE source IS NOT NULL
