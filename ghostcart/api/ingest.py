"""Ingest: a shop tells us of its customers, products, carts and orders, each as a whole, by (source, external id).

The newest version wins, whatever arrives first; the same again changes nothing. So a sender may repeat itself, send in
any order, and need not ask what we know.
"""

from typing import Annotated, Any

from litestar import Response, Router, post, put
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from ghostcart.api.programs import Once, admit, needs, provide_once, provide_program
from ghostcart.connectors.ingest import examples, shapes, taking
from ghostcart.connectors.ingest.taking import Fate, Report
from ghostcart.connectors.models import Scope

ONE_BYTES, MANY_BYTES = 128 * 1024, 1024 * 1024
Name = Annotated[
    str, PathParameter(description="what the shop calls it", min_length=1, max_length=64, pattern=shapes.PRINTABLE)
]
Source = Annotated[
    str,
    QueryParameter(
        description="which of the shop's systems tells this; ids are its own. Not one of our own ways in",
        pattern=rf"^[a-z][a-z0-9_-]{{0,19}}{shapes.END}",
    ),
]
NEEDS = needs(Scope.INGEST, 409, 422)


def like(example: dict[str, Any]) -> Any:
    return Body(schema_extra={"additionalProperties": False}, examples=[Example(summary="as sent", value=example)])


def many(name: str, example: dict[str, Any]) -> Any:
    return like({"source": "api", "items": [{"external_id": name, **example}]})


async def one(once: Once, source: str, name: str, told: Any) -> Response[Fate]:
    return await once.do(taking.take_one, once.program.key.shop_id, source, name, told, once.now)


async def each(once: Once, batch: shapes.Batch) -> Response[Report]:
    return await once.do(taking.take_many, once.program.key.shop_id, batch, once.now)


def putting(kind: str) -> dict[str, Any]:
    return {**NEEDS, "request_max_body_size": ONE_BYTES, "summary": f"Tell of {kind}"}


def posting(kinds: str) -> dict[str, Any]:
    told = {"summary": f"Tell of up to {shapes.MOST_ITEMS} {kinds}", "status_code": 200}
    return {**NEEDS, "request_max_body_size": MANY_BYTES, **told}


@put("/customers/{external_id:str}", **putting("a customer"))
async def put_customer(
    external_id: Name,
    data: Annotated[shapes.CustomerIn, like(examples.CUSTOMER)],
    once: NamedDependency[Once],
    source: Source = "api",
) -> Response[Fate]:
    """Carts and orders that named them before are joined now. Who was erased here answers `forgotten`, for good."""
    return await one(once, source, external_id, data)


@post("/customers", **posting("customers"))
async def post_customers(
    data: Annotated[shapes.CustomerBatch, many("c-7", examples.CUSTOMER)], once: NamedDependency[Once]
) -> Response[Report]:
    """Each has a fate of its own; one that is refused does not stop the others."""
    return await each(once, data)


@put("/products/{external_id:str}", **putting("a product"))
async def put_product(
    external_id: Name,
    data: Annotated[shapes.ProductIn, like(examples.PRODUCT)],
    once: NamedDependency[Once],
    source: Source = "api",
) -> Response[Fate]:
    """With all its variants: one that is left out is switched off. Lines that named them before are joined now."""
    return await one(once, source, external_id, data)


@post("/products", **posting("products"))
async def post_products(
    data: Annotated[shapes.ProductBatch, many("mug", examples.PRODUCT)], once: NamedDependency[Once]
) -> Response[Report]:
    """Each has a fate of its own; one that is refused does not stop the others."""
    return await each(once, data)


@put("/carts/{external_id:str}", **putting("a cart"))
async def put_cart(
    external_id: Name,
    data: Annotated[shapes.CartIn, like(examples.CART)],
    once: NamedDependency[Once],
    source: Source = "api",
) -> Response[Fate]:
    """What changed since the last time goes into the cart log. Its customer and products may be told later."""
    return await one(once, source, external_id, data)


@post("/carts", **posting("carts"))
async def post_carts(
    data: Annotated[shapes.CartBatch, many("cart-1", examples.CART)], once: NamedDependency[Once]
) -> Response[Report]:
    """Each has a fate of its own; one that is refused does not stop the others."""
    return await each(once, data)


@put("/orders/{external_id:str}", **putting("an order"))
async def put_order(
    external_id: Name,
    data: Annotated[shapes.OrderIn, like(examples.ORDER)],
    once: NamedDependency[Once],
    source: Source = "api",
) -> Response[Fate]:
    """The order closes its cart, which may be told later. A changed status is told as the whole order once more."""
    return await one(once, source, external_id, data)


@post("/orders", **posting("orders"))
async def post_orders(
    data: Annotated[shapes.OrderBatch, many("o-117", examples.ORDER)], once: NamedDependency[Once]
) -> Response[Report]:
    """Each has a fate of its own; one that is refused does not stop the others."""
    return await each(once, data)


ingest = Router(
    "/ingest",
    route_handlers=[
        put_customer, post_customers, put_product, post_products, put_cart, post_carts, put_order, post_orders
    ],
    guards=[admit],
    dependencies={"program": Provide(provide_program), "once": Provide(provide_once)},
    tags=["ingest"],
)  # fmt: skip
