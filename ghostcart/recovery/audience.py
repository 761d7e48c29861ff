"""Who a campaign is for: what merchants choose, read from its JSON and checked before it is kept. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from ghostcart.recovery.subject import Goods, Human

BUYERS = ("any", "new", "returning")
NEWSLETTER = ("any", "yes", "no")
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an audience: the field, and a code ("unknown", "not_a_list", "not_a_number", ...)."""

    field: str
    code: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Conditions that must all hold; empty means that it is not asked. Amounts: {currency: minor units}.

    Of an order's campaign (thanks, best, lapsed) value, items and products are the order's.
    """

    languages: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    value_min_minor: Mapping[str, int] = field(default_factory=dict)
    value_max_minor: Mapping[str, int] = field(default_factory=dict)
    items_min: int | None = None
    items_max: int | None = None
    product_ids_in: frozenset[int] = frozenset()
    product_ids_out: frozenset[int] = frozenset()
    category_ids_in: frozenset[int] = frozenset()
    category_ids_out: frozenset[int] = frozenset()
    buyers: str = "any"
    orders_min: int | None = None
    orders_max: int | None = None
    newsletter: str = "any"
    groups: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    """What could not be read; such an audience is not kept, and meets nobody."""

    @classmethod
    def parse(cls, given: Mapping[str, Any] | None) -> "Audience":
        """Read an audience as it is stored; never raises, see `problems`."""
        values: dict[str, Any] = {}
        problems = []
        known = {one.name for one in fields(cls)} - {"problems"}
        for name, value in dict(given or {}).items():
            if name not in known:
                problems.append(Problem(name, "unknown"))
            elif value not in (None, "", [], {}):
                try:
                    values[name] = _READ[name](value)
                except (ValueError, TypeError) as wrong:
                    problems.append(Problem(name, str(wrong)))
        for low, high in (("items_min", "items_max"), ("orders_min", "orders_max")):
            if low in values and high in values and values[low] > values[high]:
                problems.append(Problem(high, "below_minimum"))
        return cls(**values, problems=tuple(problems))

    def missed(self, human: "Human", goods: "Goods | None", moment: "datetime") -> str:
        """The first field that this human (with these goods, at this moment) does not meet; "" if all hold."""
        if self.problems:
            return self.problems[0].field
        return (goods and self._missed_by_goods(goods)) or self._missed_by(human, moment)

    def _missed_by_goods(self, goods: "Goods") -> str:
        least, most = (bounds.get(goods.currency) for bounds in (self.value_min_minor, self.value_max_minor))
        checks = (
            ("languages", not self.languages or goods.language in self.languages),
            ("currencies", not self.currencies or goods.currency in self.currencies),
            ("value_min_minor", not self.value_min_minor or (least is not None and goods.total_minor >= least)),
            ("value_max_minor", not self.value_max_minor or (most is not None and goods.total_minor <= most)),
            ("items_min", self.items_min is None or goods.item_count >= self.items_min),
            ("items_max", self.items_max is None or goods.item_count <= self.items_max),
            ("product_ids_in", not self.product_ids_in or self.product_ids_in & goods.product_ids),
            ("product_ids_out", not self.product_ids_out & goods.product_ids),
            ("category_ids_in", not self.category_ids_in or self.category_ids_in & goods.category_ids),
            ("category_ids_out", not self.category_ids_out & goods.category_ids),
        )
        return next((name for name, holds in checks if not holds), "")

    def _missed_by(self, human: "Human", moment: "datetime") -> str:
        orders = human.orders_before(moment)
        reads = bool(human.answered("newsletter", own=True))
        checks = (
            ("countries", not self.countries or human.country in self.countries),
            ("groups", not self.groups or human.group in self.groups),
            ("buyers", self.buyers == "any" or (self.buyers == "returning") == (orders > 0)),
            ("orders_min", self.orders_min is None or orders >= self.orders_min),
            ("orders_max", self.orders_max is None or orders <= self.orders_max),
            ("newsletter", self.newsletter == "any" or (self.newsletter == "yes") == reads),
        )
        return next((name for name, holds in checks if not holds), "")


# -- reading -----------------------------------------------------------------------------------------


def _texts(value: Any) -> frozenset[str]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(one, str) for one in value):
        raise ValueError("not_a_list")
    return frozenset(value)


def _numbers(value: Any) -> frozenset[int]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise ValueError("not_a_list")
    return frozenset(_number(one) for one in value)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise ValueError("not_a_number")
    return value


def _amounts(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(isinstance(name, str) and len(name) == 3 for name in value):
        raise ValueError("not_amounts")
    return {currency: _number(amount) for currency, amount in value.items()}


def _one_of(*choices: str) -> Any:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError("not_a_choice")
        return str(value)

    return read


_READ = {
    "languages": _texts,
    "countries": _texts,
    "currencies": _texts,
    "value_min_minor": _amounts,
    "value_max_minor": _amounts,
    "items_min": _number,
    "items_max": _number,
    "product_ids_in": _numbers,
    "product_ids_out": _numbers,
    "category_ids_in": _numbers,
    "category_ids_out": _numbers,
    "buyers": _one_of(*BUYERS),
    "orders_min": _number,
    "orders_max": _number,
    "newsletter": _one_of(*NEWSLETTER),
    "groups": _texts,
}
