-- Tell whoever follows the cart log that it has grown.
NOTIFY ghostcart_carts
