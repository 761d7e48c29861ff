-- One entry of the cart log.
INSERT INTO carts_cartevent (shop_id, cart_id, cart_version, kind, actor, at, data)
VALUES (%(shop_id)s, %(cart_id)s, %(cart_version)s, %(kind)s, %(actor)s, %(at)s, %(data)s)
