"""What single pages of the back office put together from several rooms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from ghostcart.backoffice.models import Membership, Role, User
from ghostcart.carts import queries as cart_queries
from ghostcart.carts.models import Cart, Device, Status
from ghostcart.connectors import keys
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.models import Address, Consent, Customer, ExternalCustomer
from ghostcart.lib import paging
from ghostcart.lib.paging import Page
from ghostcart.mail import queries as mail_queries
from ghostcart.mail.models import Message
from ghostcart.orders import queries as order_queries
from ghostcart.orders.models import Order
from ghostcart.orders.queries import Placed
from ghostcart.recovery import queries as recovery_queries
from ghostcart.recovery.models import Decision
from ghostcart.shops.models import Shop
from ghostcart.vouchers import queries as voucher_queries
from ghostcart.vouchers.models import Voucher

CARTS_SHOWN = 20
ROWS_SHOWN = 20
EXTERNAL_IDS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A row of the list of customers."""

    customer: Customer
    carts: int
    placed: Placed


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """All that the page of one customer shows."""

    customer: Customer
    has_consented: bool
    consents: Sequence[Consent]
    addresses: Sequence[Address | dict[str, str]]
    """Those that the account keeps; of a guest, who has none, the one of their newest order."""
    carts: Page[Cart]
    statuses: Sequence[tuple[Cart, Status]]
    cart_count: int
    orders: Sequence[Order]
    order_count: int
    placed: Placed
    vouchers: Sequence[Voucher]
    devices: Sequence[Device]
    messages: Sequence[Message]
    why: Sequence[tuple[Decision, str]]
    external_ids: Sequence[ExternalCustomer]
    """What other shops call them: guests there have a number for each purchase."""


def customer_rows(customers: Sequence[Customer]) -> list[CustomerRow]:
    """The customers of a page with what they left and bought: two queries for all of them."""
    ids = [customer.pk for customer in customers]
    carts = cart_queries.counts_of(ids)
    placed = order_queries.placed_by(ids)
    return [
        CustomerRow(customer, carts.get(customer.pk, 0), placed.get(customer.pk, Placed())) for customer in customers
    ]


def find_customer(customer_id: int) -> Customer | None:
    return Customer.objects.select_related("shop", "person").filter(pk=customer_id).first()


def customer_page(customer: Customer, after: str | None, before: str | None, now: datetime) -> CustomerPage:
    carts = Cart.objects.filter(customer=customer, deleted_at=None)
    shown = paging.page(carts, "-id", CARTS_SHOWN, after, before)
    orders = order_queries.of_customer(customer.pk)
    return CustomerPage(
        customer=customer,
        has_consented=customer_queries.has_consented(customer),
        consents=list(customer.consents.all()),
        addresses=_addresses(customer),
        carts=shown,
        statuses=[(cart, cart.status(now)) for cart in shown.rows],
        cart_count=carts.count(),
        orders=list(orders[:ROWS_SHOWN]),
        order_count=orders.count(),
        placed=order_queries.placed_by([customer.pk]).get(customer.pk, Placed()),
        vouchers=list(voucher_queries.of_customer(customer)[:ROWS_SHOWN]),
        devices=list(Device.objects.filter(customer=customer).order_by("-seen_at")[:ROWS_SHOWN]),
        messages=mail_queries.of_customer(customer.pk, ROWS_SHOWN),
        why=_why(customer),
        external_ids=list(customer.external_ids.order_by("pk")[:EXTERNAL_IDS_SHOWN]),
    )


def _addresses(customer: Customer) -> Sequence[Address | dict[str, str]]:
    kept = list(customer.addresses.all()[:ROWS_SHOWN])
    ordered = None if kept else order_queries.last_address(customer.pk)
    return [ordered] if ordered else kept


def _why(customer: Customer) -> list[tuple[Decision, str]]:
    if customer.person_id is None:
        return []
    told = recovery_queries.decisions_of_person(customer.person_id)[:ROWS_SHOWN]
    return [(one, recovery_queries.sentence(one)) for one in told]


def staff_of(shops: Iterable[Shop]) -> QuerySet[User]:
    """Who works for these shops, with their roles there in `user.roles_here`."""
    here = Membership.objects.filter(shop__in=shops).select_related("shop").order_by("shop_id")
    return (
        User.objects.filter(memberships__shop__in=shops)
        .distinct()
        .order_by("email")
        .prefetch_related(Prefetch("memberships", queryset=here, to_attr="roles_here"))
    )


def colleague(by: User, user_id: int) -> User | None:
    """A member of staff of some shop that `by` owns."""
    return staff_of(by.shops(Role.OWNER)).filter(pk=user_id).first()


def actor_names(actors: Iterable[str]) -> dict[str, str]:
    """Who the members of staff and the API keys among these actors are, by actor."""
    named = set(actors)
    numbers = {actor.removeprefix("staff:") for actor in named if actor.startswith("staff:")}
    users = User.objects.filter(pk__in=[number for number in numbers if number.isdigit()]) if numbers else []
    return {user.actor: str(user) for user in users} | keys.names(named)
