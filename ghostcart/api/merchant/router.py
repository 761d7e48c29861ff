"""Every address of the merchant API, behind one guard."""

from litestar import Router
from litestar.di import Provide

from ghostcart.api.merchant.campaigns import campaigns
from ghostcart.api.merchant.carts import carts
from ghostcart.api.merchant.customers import customers
from ghostcart.api.merchant.events import events
from ghostcart.api.merchant.lists import provide_place
from ghostcart.api.merchant.messages import messages
from ghostcart.api.merchant.orders import orders
from ghostcart.api.merchant.reports import reports
from ghostcart.api.merchant.vouchers import vouchers
from ghostcart.api.programs import admit, provide_once, provide_program

merchant = Router(
    "/",
    route_handlers=[carts, customers, orders, vouchers, campaigns, messages, reports, events],
    guards=[admit],
    dependencies={
        "program": Provide(provide_program),
        "once": Provide(provide_once),
        "place": Provide(provide_place),
    },
)
