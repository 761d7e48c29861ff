"""Variants as a shopper chooses them: "Slate / M" is a colour and an option, each chosen by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ghostcart.catalog.queries import Choice
from ghostcart.lib.texts import pick

BETWEEN = " / "


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an axis. `picture` is set where the values of the axis look different."""

    text: str
    picture: str
    is_chosen: bool
    is_sold_out: bool


@dataclass(frozen=True, slots=True)
class Axis:
    legend: str
    values: tuple[Value, ...]


def parts(options: Mapping[str, str], language: str) -> list[str]:
    """The words of a variant's option: "Slate / M" has two, one for each axis."""
    return [part.strip() for part in pick(options, language).split(BETWEEN)]


def axes(choices: Sequence[Choice], chosen: Choice, language: str) -> list[Axis]:
    """What there is to choose; nothing for a product with one variant.

    Variants that don't follow one pattern, or of which two read alike, are told apart by their whole text.
    """
    if len(choices) < 2:
        return []
    split = {choice.sku: parts(choice.options, language) for choice in choices}
    if not _is_regular(list(split.values())):
        split = {choice.sku: [pick(choice.options, language) or choice.sku] for choice in choices}
    width = len(split[chosen.sku])
    return [_axis(place, choices, split, chosen) for place in range(width)]


def _look_different(values: Sequence[Sequence[Choice]]) -> bool:
    """Whether every value has pictures, and none of them is another value's."""
    looks = [{choice.picture for choice in same} for same in values]
    return all("" not in look for look in looks) and len(set.union(*looks)) == sum(map(len, looks))


def _is_regular(rows: Sequence[Sequence[str]]) -> bool:
    return len({len(row) for row in rows}) == 1 and len({tuple(row) for row in rows}) == len(rows)


def _axis(place: int, choices: Sequence[Choice], split: Mapping[str, Sequence[str]], chosen: Choice) -> Axis:
    of_value: dict[str, list[Choice]] = {}
    for choice in choices:
        of_value.setdefault(split[choice.sku][place], []).append(choice)
    shows_looks = place == 0 and _look_different(list(of_value.values()))
    values = tuple(
        Value(
            text=text,
            picture=same[0].picture if shows_looks else "",
            is_chosen=split[chosen.sku][place] == text,
            is_sold_out=not any(choice.stock for choice in same),
        )
        for text, same in of_value.items()
    )
    return Axis(_("Colour") if shows_looks else _("Option"), values)
