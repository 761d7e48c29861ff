"""A shopper asks for a voucher by its code: what it gives, or why they cannot have it.

To whom a personal voucher does not belong it does not exist: its code, an expired one's and one that nobody has are
answered alike, with the same queries, and counted as guesses. Its owner is told the reason, and is never held up by
other people's guessing; nor is who comes by a link that we mailed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists

from ghostcart.vouchers import limits, queries
from ghostcart.vouchers.errors import TooManyCodes, UnknownVoucher, VoucherRefused
from ghostcart.vouchers.limits import Bucket, Guesses
from ghostcart.vouchers.terms import TOLD_TO_OWNERS, Terms, refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A code, and the cart it is for. `device` and `source` are who asks, as far as it is known (see `limits`)."""

    shop_id: int
    code: str
    now: datetime
    currency: str
    language: str
    customer_id: int | None
    others: Sequence[Terms]
    device: str = ""
    source: str = ""
    is_mailed: bool = False


class Desk:
    """Answers the questions of one batch of changes, and at its end writes down the wrong ones."""

    def __init__(self) -> None:
        self._guesses = Guesses()

    def terms_for(self, asked: Asked) -> Terms:
        """The voucher, if it may be put on the cart. Raises UnknownVoucher, VoucherRefused, TooManyCodes."""
        where = limits.buckets(asked.shop_id, asked.device, asked.source)
        found = queries.with_code(asked.shop_id, asked.code).annotate(is_guess=Exists(limits.full(where, asked.now)))
        voucher = found.first()
        if voucher is None:
            raise self._unknown(asked, where)
        terms = voucher.terms(asked.language)
        is_owner = asked.is_mailed or (terms.is_personal and terms.is_for(asked.customer_id))
        if not is_owner and (voucher.is_guess or self._guesses.are_too_many(where)):
            raise TooManyCodes
        reason = refusal(
            terms,
            now=asked.now,
            currency=asked.currency,
            customer_id=asked.customer_id,
            used_by_customer=queries.uses_by_customer([terms], asked.customer_id).get(terms.id, 0),
            others=asked.others,
        )
        if terms.is_personal and not is_owner and reason in TOLD_TO_OWNERS:
            raise self._unknown(asked, where, terms.id)
        if reason is not None:
            raise VoucherRefused(reason)
        return terms

    def _unknown(self, asked: Asked, where: Sequence[Bucket], voucher_id: int | None = None) -> UnknownVoucher:
        """The answer to a code that is no voucher for whoever asks; counts it as a guess. Raises TooManyCodes."""
        if not asked.is_mailed:
            self._guesses.miss(where, asked.now, voucher_id)
        return UnknownVoucher()

    def store(self) -> None:
        self._guesses.store()
