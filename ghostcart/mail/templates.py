"""What merchants write mails in: which variables and blocks there are, and what is wrong with a text not yet saved.

Texts are Liquid (see `sandbox` for its bounds) in the little markup of `markup`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from liquid.exceptions import LiquidError, LiquidSyntaxError, ResourceLimitError, UnknownFilterError
from liquid.static_analysis import Variable
from liquid.template import BoundTemplate

from ghostcart.mail import drawing, samples, sandbox
from ghostcart.mail.errors import TemplateFailed
from ghostcart.mail.kinds import CAMPAIGNS


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    body: str

    def as_template(self) -> dict[str, str]:
        return {"subject": self.subject, "body": self.body}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in `where` ("subject" or "body"), at a line from 1 (0: the text as a whole)."""

    where: str
    line: int
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The sentence in the active language."""
        return _SENTENCES[self.code] % self.params


_SENTENCES: dict[str, str | Promise] = {
    "empty": gettext_lazy("This must not be empty."),
    "too_long": gettext_lazy("The text is too long: at most %(most)s characters."),
    "syntax": gettext_lazy("This cannot be understood: %(what)s"),
    "unknown_variable": gettext_lazy("There is no “%(name)s” here."),
    "unknown_variable_near": gettext_lazy("There is no “%(name)s” here. Do you mean “%(nearest)s”?"),
    "unknown_filter": gettext_lazy("There is no filter “%(name)s”."),
    "block_in_subject": gettext_lazy("“%(name)s” cannot stand in a subject."),
    "too_much_work": gettext_lazy("Drawing this text takes too long or too much memory."),
    "fails": gettext_lazy("With some carts this text cannot be drawn: %(what)s"),
    "too_large": gettext_lazy("The mail gets too large: many mailboxes cut off what is over %(most)s kB."),
}

_SHOP = [("shop.name", gettext_lazy("Name of the shop")), ("shop.url", gettext_lazy("Address of the shop"))]
_CUSTOMER = [
    ("customer.first_name", gettext_lazy("First name; may be missing")),
    ("customer.last_name", gettext_lazy("Last name; may be missing")),
    ("customer.name", gettext_lazy("First and last name; may be missing")),
]
_CART = [
    ("cart.item_count", gettext_lazy("Number of items in the cart")),
    ("cart.total", gettext_lazy("Total of the cart, with currency")),
    ("cart.total_minor", gettext_lazy("Total in cents, to compare with")),
    ("cart.products", gettext_lazy("Products without delivery, with currency")),
    ("cart.products_minor", gettext_lazy("Products in cents, to compare with")),
    ("cart.currency", gettext_lazy("Currency of the cart")),
    ("cart.lines", gettext_lazy("The products: name, option, quantity, price and total of each")),
    ("cart.more", gettext_lazy("How many products are not shown")),
]
_ORDER = [
    ("order.number", gettext_lazy("Number of the order")),
    ("order.placed_at", gettext_lazy("Day of the order")),
    ("order.total", gettext_lazy("Total of the order, with currency")),
    ("order.total_minor", gettext_lazy("Total in cents, to compare with")),
    ("order.currency", gettext_lazy("Currency of the order")),
]
_VOUCHER = [
    ("voucher.code", gettext_lazy("Code of the voucher; without a voucher nothing")),
    ("voucher.value", gettext_lazy("What the voucher gives, such as “€5.00 off”")),
    ("voucher.minimum", gettext_lazy("Minimum purchase; may be missing")),
    ("voucher.valid_until", gettext_lazy("Last day of the voucher")),
]
_STAFF = [
    ("staff.name", gettext_lazy("Name of the employee")),
    ("staff.is_week", gettext_lazy("True for the weekly summary")),
    ("staff.since_on", gettext_lazy("First day of the summary")),
    ("staff.until_on", gettext_lazy("Last day of the summary")),
    ("staff.abandoned_count", gettext_lazy("Number of abandoned carts")),
    ("staff.abandoned", gettext_lazy("What was in the abandoned carts, with currency")),
    ("staff.sent_count", gettext_lazy("Number of mails sent")),
    ("staff.restored_count", gettext_lazy("Number of carts brought back")),
    ("staff.ordered_count", gettext_lazy("Number of orders that followed a mail")),
    ("staff.ordered", gettext_lazy("What these orders are worth, with currency")),
    ("staff.voucher", gettext_lazy("What the vouchers cost, with currency")),
    ("staff.complained_count", gettext_lazy("Number of complaints")),
    ("staff.cart_number", gettext_lazy("Number of the cart")),
    ("staff.customer", gettext_lazy("Name or address of the customer")),
    ("staff.phone", gettext_lazy("Phone number of the customer; may be missing")),
]
_CART_LINES = ("cart_lines", gettext_lazy("Block: the products, with pictures and prices"))
_RESTORE = ("restore_button", gettext_lazy("Block: the button that brings the cart back"))
_SHOP_BUTTON = ("shop_button", gettext_lazy("Block: a button to the shop; it brings a voucher along"))
_BOX = ("voucher_box", gettext_lazy("Block: the voucher with its code and conditions"))
_RESET = ("reset_button", gettext_lazy("Block: the button to a new password"))
_REPORT = ("report_button", gettext_lazy("Block: the button to the report"))
_OPEN = ("cart_button", gettext_lazy("Block: the button to the cart in the back office"))

Described = list[tuple[str, str | Promise]]
_Named = Sequence[tuple[str, str | Promise]]
_ABOUT: dict[str, tuple[_Named, _Named]] = {
    "cart": (_CART, [_CART_LINES, _RESTORE]), "order": (_ORDER, []), "": ([], [])
}  # fmt: skip
"""Variables and blocks, by what the mails of a campaign speak of."""
_BY_KIND: dict[str, Described] = {
    **{
        kind: [*_SHOP, *_CUSTOMER, *_ABOUT[about][0], *_VOUCHER, *_ABOUT[about][1], _BOX, _SHOP_BUTTON]
        for kind, about in CAMPAIGNS.items()
    },
    "summary": [*_SHOP, *_STAFF, _REPORT],
    "notice": [*_SHOP, *_STAFF, *_CART, _CART_LINES, _OPEN],
    "account": [*_SHOP, *_CUSTOMER, _RESET],
}
KINDS = tuple(_BY_KIND)
_LINE_PARTS = ("name", "option", "quantity", "price", "total")


def variables(kind: str) -> Described:
    """What a text of this kind may name, each with what it is: first variables, then blocks."""
    return list(_BY_KIND[kind])


def check(text: Text, kind: str) -> list[Problem]:
    """What is wrong with a text, in the order of its lines; an empty list: it may be saved.

    First it is read (syntax, unknown names); then drawn with full, empty and huge facts, as no live cart is needed to
    find what would fail with one.
    """
    problems = [*_read("subject", text.subject, kind), *_read("body", text.body, kind)]
    return problems or list(_try(text, kind))


def _read(where: str, source: str, kind: str) -> Iterator[Problem]:
    most = drawing.LONGEST_SUBJECT if where == "subject" else sandbox.LONGEST_SOURCE
    if not source.strip():
        yield Problem(where, 0, "empty")
        return
    if len(source) > most * (5 if where == "subject" else 1):
        yield Problem(where, 0, "too_long", {"most": most})
        return
    try:
        template = sandbox.compiled(source)
        yield from sorted(_unknown(where, template, source, kind), key=lambda problem: problem.line)
    except sandbox.TEMPLATE_ERRORS as error:
        yield _problem(where, source, error)


def _unknown(where: str, template: BoundTemplate, source: str, kind: str) -> Iterator[Problem]:
    found = template.analyze()
    for name, spans in found.filters.items():
        if name not in sandbox.FILTERS:
            yield Problem(where, _line(source, spans[0].index), "unknown_filter", {"name": name})
    known = [name for name, _described in _BY_KIND[kind]]
    for uses in found.globals.values():
        for use in uses:
            if problem := _unknown_variable(where, use, source, known):
                yield problem
    for root in found.variables.keys() - found.globals.keys() - found.locals.keys() - {"forloop"}:  # loops' own
        for use in found.variables[root]:
            if len(use.segments) > 1 and use.segments[1] not in _LINE_PARTS:
                yield Problem(where, _line(source, use.span.index), "unknown_variable", {"name": str(use)})


def _unknown_variable(where: str, use: Variable, source: str, known: list[str]) -> Problem | None:
    segments = [str(part) for part in use.segments if isinstance(part, str)]
    name = ".".join(segments[:2])
    line = _line(source, use.span.index)
    if name in drawing.BLOCKS and name in known:
        return Problem(where, line, "block_in_subject", {"name": name}) if where == "subject" else None
    whole = len(segments) == 1 and any(other.startswith(f"{name}.") for other in known)
    if whole or (name in known and _fits_on(segments)):
        return None
    nearest = get_close_matches(str(use), known, 1)
    if nearest:
        return Problem(where, line, "unknown_variable_near", {"name": str(use), "nearest": nearest[0]})
    return Problem(where, line, "unknown_variable", {"name": str(use)})


def _fits_on(segments: list[str]) -> bool:
    """`cart.lines.first.name` goes on below a variable; `shop.name.first` does not."""
    rest = [part for part in segments[2:] if part not in ("first", "last", "size")]
    return not rest or (segments[:2] == ["cart", "lines"] and rest in [[part] for part in _LINE_PARTS])


def _try(text: Text, kind: str) -> Iterator[Problem]:
    """Draw it with all sorts of facts; the first that goes wrong is enough."""
    links = samples.dead_links(kind)
    for facts in (samples.facts(kind, "en"), samples.empty(kind), samples.huge(kind, "de")):
        try:
            drawn = drawing.draw(text.as_template(), facts, links, language="de")
        except TemplateFailed as error:
            cause = error.__cause__
            assert isinstance(cause, Exception)
            where, source = _culprit(text, cause)
            yield _problem(where, source, cause)
            return
        if len(drawn.html.encode()) > drawing.LARGEST:
            yield Problem("body", 0, "too_large", {"most": drawing.LARGEST // 1000})
            return


def _culprit(text: Text, error: Exception) -> tuple[str, str]:
    token = error.token if isinstance(error, LiquidError) else None
    in_subject = token is not None and token.source == text.subject
    return ("subject", text.subject) if in_subject else ("body", text.body)


def _problem(where: str, source: str, error: Exception) -> Problem:
    """An error of Liquid as a problem with its line."""
    token = error.token if isinstance(error, LiquidError) else None
    is_syntax = isinstance(error, LiquidSyntaxError)
    at = token.start_index if token else -1
    line = _line(source, at) if at >= 0 else source.count("\n") + 1 if is_syntax else 0  # what is missing, at the end
    if isinstance(error, UnknownFilterError):
        return Problem(where, line, "unknown_filter", {"name": token.value if token else ""})
    if isinstance(error, ResourceLimitError | RecursionError):
        return Problem(where, line, "too_much_work")
    return Problem(where, line, "syntax" if is_syntax else "fails", {"what": sandbox.message(error)})


def _line(source: str, index: int) -> int:
    return source.count("\n", 0, index) + 1
