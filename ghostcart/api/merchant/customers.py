"""Customers and the people they are: the list, one of them, notes, their data as a file, and that it goes."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from ghostcart.api.merchant import shapes
from ghostcart.api.merchant.lists import CursorText, Id, Moment, Place, Size, Words, moment, place_of, with_next
from ghostcart.api.merchant.shapes import Money, Reasons, Who
from ghostcart.api.programs import NotFound, Once, Program, needs
from ghostcart.api.store import STRICT
from ghostcart.carts import queries as cart_queries
from ghostcart.connectors.models import Scope
from ghostcart.customers import filters, services
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.filters import CustomerFilter
from ghostcart.customers.models import Customer, Person
from ghostcart.lib import clock
from ghostcart.orders import queries as order_queries
from ghostcart.orders.queries import Placed
from ghostcart.recovery import guard, privacy
from ghostcart.recovery import queries as recovery_queries

Sort = Annotated[
    Literal["id", "-id", "name", "-name", "email", "-email", "language", "-language", "registered", "-registered"],
    QueryParameter(description="a minus: the other way round"),
]
ROWS_SHOWN = 20


class CustomerRow(msgspec.Struct):
    """A customer as lists show them. `spent` is of valid orders, by currency."""

    id: int
    person_id: int | None
    label: str
    first_name: str
    last_name: str
    email: str
    phone: str
    language: str
    group: str
    is_guest: bool
    is_erased: bool
    registered_at: datetime
    last_seen_at: datetime | None
    carts: int
    orders: int
    spent: list[Money]


class CustomerPage(msgspec.Struct):
    items: list[CustomerRow]
    next: str | None


class ConsentOut(msgspec.Struct):
    """One answer to being asked for consent; the newest of a purpose counts."""

    purpose: str
    is_given: bool
    text: str
    text_version: str
    source: str
    at: datetime


class CustomerWhole(msgspec.Struct):
    """All of one customer. `note` is what staff wrote."""

    customer: CustomerRow
    note: str
    has_consented: bool
    consents: list[ConsentOut]
    addresses: list[shapes.Place]


class Note(msgspec.Struct, forbid_unknown_fields=True):
    note: Annotated[str, msgspec.Meta(max_length=5000, pattern=r"^[^\x00]*$(?!\n)")]


class Erased(msgspec.Struct):
    """What an erasure reached. `orders_kept` still hold name and address, as the law may want it."""

    carts: int
    orders_kept: int


class PersonOut(msgspec.Struct):
    """A human as far as we can prove: the customers that they are."""

    id: int
    is_trusted: bool
    customers: list[Who]


class Trust(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the score of the voucher guard is not for this person."""

    is_trusted: bool


# -- shapes ------------------------------------------------------------------------------------------


def rows_of(customers: list[Customer], language: str) -> list[CustomerRow]:
    """Two queries for all of them."""
    ids = [customer.pk for customer in customers]
    carts, placed = cart_queries.counts_of(ids), order_queries.placed_by(ids)
    return [_row(one, carts.get(one.pk, 0), placed.get(one.pk, Placed()), language) for one in customers]


def _row(customer: Customer, carts: int, placed: Placed, language: str) -> CustomerRow:
    return CustomerRow(
        id=customer.pk,
        person_id=customer.person_id,
        label=customer.label,
        first_name=customer.first_name,
        last_name=customer.last_name,
        email=customer.email,
        phone=customer.phone,
        language=customer.language,
        group=customer.group,
        is_guest=customer.is_guest,
        is_erased=customer.erased_at is not None,
        registered_at=customer.registered_at,
        last_seen_at=customer.last_seen_at,
        carts=carts,
        orders=placed.count,
        spent=shapes.moneys(placed.spent, language),
    )


def _whole(customer: Customer, language: str) -> CustomerWhole:
    addresses = (shapes.place_of(address) for address in customer.addresses.all()[:ROWS_SHOWN])
    return CustomerWhole(
        customer=rows_of([customer], language)[0],
        note=customer.note,
        has_consented=customer_queries.has_consented(customer),
        consents=[
            ConsentOut(one.purpose, one.is_given, one.text, one.text_version, one.source, one.at)
            for one in customer.consents.all()
        ],
        addresses=[address for address in addresses if address],
    )


def the_customer(program: Program, customer_id: int) -> Customer:
    """Blocking. Raises NotFound."""
    found = Customer.objects.select_related("shop", "person").filter(pk=customer_id, shop=program.shop).first()
    if found is None:
        raise NotFound
    return found


# -- customers ---------------------------------------------------------------------------------------


async def provide_wanted(
    program: NamedDependency[Program],
    q: Words = "",
    kind: Annotated[Literal["", "account", "guest"], QueryParameter()] = "",
    language: Annotated[Literal["", "en", "it", "es", "de", "fr", "nl"], QueryParameter()] = "",
    consent: Annotated[Literal["", "yes", "no"], QueryParameter(description="the newest answer")] = "",
    registered_from: Moment = "",
    registered_to: Moment = "",
) -> CustomerFilter:
    return CustomerFilter(
        shop_ids=(program.shop.pk,),
        text=q,
        is_guest={"guest": True, "account": False}.get(kind),
        language=language,
        has_consent={"yes": True, "no": False}.get(consent),
        registered_from=moment(registered_from, program.shop),
        registered_to=moment(registered_to, program.shop, is_end=True),
    )


async def provide_customer_place(sort: Sort = "-id", size: Size = 50, cursor: CursorText = None) -> Place:
    return place_of(sort, size, cursor, filters.SORTS[sort.removeprefix("-")])


@get(
    "/customers",
    summary="List customers",
    dependencies={"wanted": Provide(provide_wanted), "place": Provide(provide_customer_place)},
    **needs(Scope.CUSTOMERS_READ),
)
async def list_customers(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    wanted: NamedDependency[CustomerFilter],
    place: NamedDependency[Place],
) -> Response[CustomerPage]:
    """Guests who left an address are among them. `q`: every word in the name or address."""

    def work() -> CustomerPage:
        page = filters.page(wanted, place.sort, place.size, place.after, None)
        return CustomerPage(rows_of(page.rows, program.language), page.next)

    return with_next(request, await program.ask(work))


@get("/customers/{customer_id:int}", summary="Read a customer", **needs(Scope.CUSTOMERS_READ, 404))
async def read_customer(program: NamedDependency[Program], customer_id: Id) -> CustomerWhole:
    return await program.ask(lambda: _whole(the_customer(program, customer_id), program.language))


@put(
    "/customers/{customer_id:int}/note",
    summary="Write the note on a customer",
    **needs(Scope.CUSTOMERS_WRITE, 404, 422),
)
async def put_note(program: NamedDependency[Program], customer_id: Id, data: Annotated[Note, STRICT]) -> CustomerWhole:
    """The private note that staff see; an empty one takes it away."""

    def work() -> CustomerWhole:
        customer = the_customer(program, customer_id)
        services.save_note(customer, data.note)
        return _whole(customer, program.language)

    return await program.ask(work)


@get("/customers/{customer_id:int}/data", summary="Export a customer's data", **needs(Scope.CUSTOMERS_WRITE, 404))
async def export_customer(program: NamedDependency[Program], customer_id: Id) -> dict[str, Any]:
    """Everything that is kept of them, for a request of access."""
    return await program.ask(lambda: privacy.export(the_customer(program, customer_id), clock.now()))


@post(
    "/customers/{customer_id:int}/erase",
    summary="Erase a customer",
    status_code=200,
    **needs(Scope.CUSTOMERS_WRITE, 404, 409),
)
async def erase_customer(
    program: NamedDependency[Program], customer_id: Id, once: NamedDependency[Once]
) -> Response[Erased]:
    """Their name, address and messages go at once; this cannot be undone."""

    def work() -> Erased:
        erased = privacy.erase(the_customer(program, customer_id), program.actor, clock.now())
        return Erased(erased.carts, erased.orders_kept)

    return await once.do(work)


# -- people ------------------------------------------------------------------------------------------


def the_person(program: Program, person_id: int) -> Person:
    """Blocking. The person, by whichever of the numbers they had before they turned out to be one. Raises NotFound."""
    found = Person.objects.select_related("merged_into").filter(pk=person_id, shop=program.shop).first()
    if found is None:
        raise NotFound
    return found.merged_into or found


def _person(person: Person) -> PersonOut:
    known = customer_queries.of_person(person.pk).order_by("pk")[:ROWS_SHOWN]
    return PersonOut(person.pk, person.is_trusted, [one for one in map(shapes.who, known) if one])


@get("/persons/{person_id:int}", summary="Read a person", **needs(Scope.CUSTOMERS_READ, 404))
async def read_person(program: NamedDependency[Program], person_id: Id) -> PersonOut:
    """Customers that share an address or a phone number are one person: limits and hold-out are theirs together."""
    return await program.ask(lambda: _person(the_person(program, person_id)))


@get("/persons/{person_id:int}/why", summary="Why a person was or was not written to",
     **needs(Scope.CUSTOMERS_READ, 404))  # fmt: skip
async def why_person(program: NamedDependency[Program], person_id: Id) -> Reasons:
    """The decisions about them, newest first."""

    def work() -> Reasons:
        return shapes.reasons(recovery_queries.decisions_of_person(the_person(program, person_id).pk))

    return await program.ask(work)


@post("/persons/{person_id:int}/trust", summary="Trust a person with vouchers", status_code=200,
      **needs(Scope.CUSTOMERS_WRITE, 404, 409, 422))  # fmt: skip
async def trust_person(
    program: NamedDependency[Program],
    person_id: Id,
    data: Annotated[Trust, STRICT],
    once: NamedDependency[Once],
) -> Response[PersonOut]:
    """The score of the voucher guard is not for them, or is again; its hard limits hold for everybody."""

    def work() -> PersonOut:
        person = the_person(program, person_id)
        guard.trust(person, data.is_trusted, program.actor, clock.now())
        person.refresh_from_db()
        return _person(person)

    return await once.do(work)


customers = Router(
    "/",
    route_handlers=[
        list_customers,
        read_customer,
        put_note,
        export_customer,
        erase_customer,
        read_person,
        why_person,
        trust_person,
    ],
    tags=["customers"],
)
