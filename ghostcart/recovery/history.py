"""What a person and their relatives did before, read for the score (see `scoring.Facts`). A dozen small queries, all
by person or customer, and only where a voucher is about to be given."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.db.models import Max, Q

from ghostcart.carts.kinds import EventKind as Happened
from ghostcart.carts.models import Cart, CartEvent, CartLine, Device
from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import canonical_email
from ghostcart.customers.models import Customer
from ghostcart.mail.models import By, EventKind, MessageEvent
from ghostcart.orders.models import Order
from ghostcart.orders.queries import VALID
from ghostcart.recovery.models import Reminder, VoucherGrant
from ghostcart.recovery.scoring import Facts
from ghostcart.vouchers import limits
from ghostcart.vouchers.models import Voucher

ONE_IN = timedelta(days=90)
"""At most one recovery voucher in this time."""
YEAR, HALF_YEAR, TWO_MONTHS, MONTH = (timedelta(days=days) for days in (365, 180, 60, 30))
HASTE = timedelta(minutes=1)
AT_ONCE = timedelta(minutes=10)
NEW = timedelta(hours=1)
MOST_CARTS = 200


@dataclass(frozen=True, slots=True)
class Who:
    """A person's family (rows that are the same human) and all their relatives, the family among them."""

    family: frozenset[int]
    relatives: frozenset[int]


def of(who: Who, cart: Cart | None, minimum_minor: int, now: datetime) -> Facts:
    """The facts about somebody who left `cart` and would get a voucher with this minimum."""
    people = list(Customer.objects.filter(person_id__in=who.relatives).only("person_id", "email", "registered_at"))
    own = [customer for customer in people if customer.person_id in who.family]
    ids = [customer.pk for customer in people]
    known_since = min((customer.registered_at for customer in own), default=now)
    carts = _left_carts(ids, cart, now)
    orders = list(Order.objects.filter(customer_id__in=ids, status__in=VALID))
    quick, plain = _returns(who.relatives, now)
    granted = VoucherGrant.objects.filter(person_id__in=who.relatives, at__gt=now - YEAR).values_list("at", flat=True)
    return Facts(
        vouchers_lately=sum(at > now - ONE_IN for at in granted),
        vouchers_before=sum(at <= now - ONE_IN for at in granted),
        orders=len(orders),
        discounted_orders=sum(order.discount_minor > 0 for order in orders),
        hasty_carts=_hasty([one for one in carts if one.last_activity_at > now - TWO_MONTHS]),
        quick_returns=quick,
        plain_returns=plain,
        has_left_same_cart=_is_again(cart, [one for one in carts if one.last_activity_at > now - MONTH]),
        new_addresses=sum(customer.registered_at > now - MONTH for customer in people),
        is_disposable=any(_domain(customer.email) in disposable_domains() for customer in own),
        aliases=_aliases(customer.email for customer in own),
        wrong_codes=_wrong_codes(people[0].shop_id if people else 0, ids, carts),
        leaked_codes=Voucher.objects.filter(person_id__in=who.relatives, strangers__gt=0).count(),
        is_new=cart is not None and cart.last_activity_at - known_since < NEW,
        carts_at_minimum=_at_minimum(cart, carts, minimum_minor),
        full_price_orders=_full_price({customer.pk for customer in own}, orders, now),
        days_known=max(0, (now - known_since).days),
    )


def _left_carts(customer_ids: Collection[int], cart: Cart | None, now: datetime) -> list[Cart]:
    """The ghost carts of half a year; not this one, nor what a mailed link copied from or into it."""
    found = Cart.objects.filter(
        customer_id__in=customer_ids,
        last_activity_at__gt=now - HALF_YEAR,
        line_count__gt=0,
        ordered_at=None,
        merged_at=None,
        deleted_at=None,
    )
    if cart is not None:
        found = found.exclude(Q(pk=cart.pk) | Q(pk=cart.restored_from_id) | Q(restored_from=cart.pk))
    return list(found.order_by("-last_activity_at")[:MOST_CARTS])


def _hasty(carts: Iterable[Cart]) -> int:
    """How many were left within a minute of saying who it is, without a look at the shipping."""
    ended = {cart.pk: cart.last_activity_at for cart in carts}
    events = CartEvent.objects.filter(cart__in=list(ended)).order_by()
    told = events.filter(kind=Happened.CUSTOMER_IDENTIFIED).values_list("cart").annotate(Max("at"))
    shipped = set(events.filter(kind=Happened.SHIPPING_CHOSEN).values_list("cart", flat=True))
    return sum(cart not in shipped and ended[cart] - at <= HASTE for cart, at in told)


def _is_again(cart: Cart | None, carts: Iterable[Cart]) -> bool:
    """Whether one of the carts holds nearly the same products: what both hold is 0.8 or more of what either holds."""
    earlier = [one.pk for one in carts]
    if cart is None or not earlier:
        return False
    products: dict[int, set[str]] = {cart.pk: set()}
    for number, sku in CartLine.objects.filter(cart__in=[cart.pk, *earlier], is_gift=False).values_list("cart", "sku"):
        products.setdefault(number, set()).add(sku)
    mine = products.pop(cart.pk)
    return any(10 * len(mine & theirs) >= 8 * len(mine | theirs) for theirs in products.values()) if mine else False


def _at_minimum(cart: Cart | None, carts: Iterable[Cart], minimum_minor: int) -> int:
    if cart is None or not minimum_minor:
        return 0
    alike = [cart, *(one for one in carts if one.currency == cart.currency)]
    return sum(minimum_minor <= one.products_minor and 100 * one.products_minor <= 102 * minimum_minor for one in alike)


def _returns(person_ids: Collection[int], now: datetime) -> tuple[int, int]:
    """Of the mails of half a year: with a voucher and followed within ten minutes, without one and followed at all."""
    sent = Reminder.objects.filter(enrolment__person__in=person_ids, message__sent_at__gt=now - HALF_YEAR)
    granted = dict(sent.values_list("message_id", "grant"))
    events = MessageEvent.objects.filter(message__in=list(granted), kind__in=(EventKind.CLICKED, EventKind.RESTORED))
    took: dict[int, timedelta] = {}
    for event in events.exclude(by=By.MACHINE).select_related("message").order_by("-at"):
        took[event.message_id] = event.at - (event.message.sent_at or event.at)  # the first one stays
    quick = sum(granted[message] is not None and time <= AT_ONCE for message, time in took.items())
    return quick, sum(granted[message] is None for message in took)


def _full_price(customer_ids: Collection[int], orders: Iterable[Order], now: datetime) -> int:
    return sum(
        order.customer_id in customer_ids and not order.discount_minor and order.placed_at > now - YEAR
        for order in orders
    )


def _wrong_codes(shop_id: int, customer_ids: Collection[int], carts: Iterable[Cart]) -> int:
    theirs = Q(customer__in=customer_ids) | Q(cart__in=[cart.pk for cart in carts])
    return limits.most_guesses(shop_id, Device.objects.filter(theirs).values_list("token_hash", flat=True))


# -- addresses ---------------------------------------------------------------------------------------


@cache
def disposable_domains() -> frozenset[str]:
    """Providers of throw-away addresses, one a line."""
    lines = (Path(__file__).parent / "disposable.txt").read_text().splitlines()
    return frozenset(line.strip() for line in lines if line and not line.startswith("#"))


def _domain(email: str) -> str:
    return email.rpartition("@")[2].strip().lower()


def _aliases(emails: Iterable[str]) -> int:
    """In how many spellings the same mailbox was given, at most."""
    mailboxes: Counter[str] = Counter()
    for email in emails:
        try:
            mailboxes[canonical_email(email)] += 1
        except BadAddress:  # what an import or an erasure left there
            continue
    return max(mailboxes.values(), default=1)
