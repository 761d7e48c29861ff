"""Every address of the merchant API, behind one guard."""

from litestar import Router
from litestar.di import Provide

from ghostcart.api.merchant.carts import carts
from ghostcart.api.merchant.lists import provide_place
from ghostcart.api.programs import admit, provide_once, provide_program

merchant = Router(
    "/",
    route_handlers=[carts],
    guards=[admit],
    dependencies={
        "program": Provide(provide_program),
        "once": Provide(provide_once),
        "place": Provide(provide_place),
    },
)
