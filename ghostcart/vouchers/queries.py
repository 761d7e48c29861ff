"""What others read of vouchers."""

from collections.abc import Iterable

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from ghostcart.customers import identity
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.models import Customer
from ghostcart.vouchers.models import CODE_LENGTH, Voucher, VoucherRedemption
from ghostcart.vouchers.terms import Terms


def normal_code(code: str) -> str:
    """A code as it is stored: without the blanks around it, upper-case."""
    return code.strip().upper()


def by_code(shop_id: int, code: str) -> Voucher | None:
    """The shop's voucher with this code, or None."""
    return with_code(shop_id, code).first()


def with_code(shop_id: int, code: str) -> QuerySet[Voucher]:
    """The shop's voucher with this code, as typed in any case, if there is one."""
    return Voucher.objects.filter(shop_id=shop_id, code__in=_possible([code]))


def by_codes(shop_id: int, codes: Iterable[str]) -> dict[str, int]:
    """The numbers of those codes that are vouchers of ours."""
    ours = Voucher.objects.filter(shop_id=shop_id, code__in=_possible(codes))
    return dict(ours.values_list("code", "pk"))


def _possible(codes: Iterable[str]) -> set[str]:
    """What could be stored of these: PostgreSQL raises on a NUL."""
    return {code for code in map(normal_code, codes) if len(code) <= CODE_LENGTH and code.isprintable()}


def terms_of(ids: Iterable[int], language: str = "en") -> list[Terms]:
    """The terms of these vouchers, oldest first; ids that are gone are left out."""
    return [voucher.terms(language) for voucher in Voucher.objects.filter(pk__in=list(ids)).order_by("pk")]


def uses_by_customer(vouchers: Iterable[Terms], customer_id: int | None) -> dict[int, int]:
    """How often the customer, under whichever address, has used each of the vouchers and not given back.

    Counted only for those that have a limit per customer; 0 for an unknown customer.
    """
    uses = dict.fromkeys((terms.id for terms in vouchers if terms.per_customer is not None), 0)
    if customer_id is None or not uses:
        return uses
    counted = (
        VoucherRedemption.objects.filter(voucher_id__in=list(uses), customer__in=_same(customer_id), reversed_at=None)
        .order_by()
        .values_list("voucher_id")
        .annotate(Count("pk"))
    )
    return uses | dict(counted)


def _same(customer_id: int) -> list[int]:
    """All customers who are known to be the same human as this one."""
    person_id = Customer.objects.filter(pk=customer_id).values_list("person_id", flat=True).first()
    same = customer_queries.of_person(person_id).values_list("pk", flat=True) if person_id else ()
    return [customer_id, *same]


def of_customer(customer: Customer) -> QuerySet[Voucher]:
    """The vouchers that are bound to a customer or their person, or were used by them, newest first."""
    was_used = VoucherRedemption.objects.filter(voucher=OuterRef("pk"), customer=customer)
    theirs = Q(customer=customer) | Q(Exists(was_used))
    if customer.person_id is not None:
        theirs |= Q(person__in=identity.family(customer.person_id))
    return Voucher.objects.filter(theirs).order_by("-pk")
