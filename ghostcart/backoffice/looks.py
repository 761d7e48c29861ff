"""How a step's mail will look: with a real cart or a made-up one, in one language, light or dark, as letter or text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape, unescape
from typing import Any

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ghostcart.backoffice.lists import whole
from ghostcart.backoffice.models import User
from ghostcart.carts.models import Cart
from ghostcart.lib import pictures
from ghostcart.lib.errors import GhostcartError
from ghostcart.mail import drawing, mailbox, samples, templates
from ghostcart.mail.models import Message
from ghostcart.recovery import guard, letters, worth
from ghostcart.recovery.models import Step, VoucherKind
from ghostcart.shops.models import Shop

CARTS_OFFERED = 15
_ASKS_FOR_DARK = re.compile(r"\(\s*prefers-color-scheme:\s*dark\s*\)")
_OUTSIDE = re.compile(r'(<img\b(?=[^>]*\bclass="picture")[^>]*\bsrc=")(https?://[^"]+)"')
_BODY = re.compile(r"<body[^>]*>")
_SCHEMES = re.compile(r"""(color-schemes?"? ?(?:: ?|content="))light dark""")

Texts = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    language: str
    is_dark: bool
    is_text: bool
    cart_id: int | None
    is_withheld: bool
    """Without the voucher, as when the guard gives none."""

    @classmethod
    def of(cls, values: Mapping[str, str], shop: Shop) -> "Asked":
        """What the tools of the preview ask for; what cannot be read is the default."""
        language = values.get("language", "")
        return cls(
            language=language if language in shop.languages else shop.language,
            is_dark=values.get("look_scheme") == "dark",
            is_text=values.get("look_part") == "text",
            is_withheld=values.get("look_voucher") == "withheld",
            cart_id=whole(values.get("look_cart")),
        )


@dataclass(frozen=True, slots=True)
class Look:
    """A mail as it was drawn; or why it could not be."""

    subject: str = ""
    html: str = ""
    text: str = ""
    problems: tuple[str, ...] = ()


def carts(shop: Shop) -> list[Cart]:
    """The newest ghost carts, to try a text with."""
    ghosts = Cart.objects.filter(shop=shop, ordered_at=None, merged_at=None, deleted_at=None, line_count__gt=0)
    return list(ghosts.order_by("-last_activity_at")[:CARTS_OFFERED])


def staff_addresses(shop: Shop, asking: User) -> list[str]:
    """Who may get a test mail: the staff of the shop, and whoever asks."""
    people = shop.memberships.filter(user__is_active=True).values_list("user__email", flat=True)
    return sorted({*people, asking.email})


# -- drawing ------------------------------------------------------------------------------------------


def parts(step: Step, texts: Texts, asked: Asked, now: datetime) -> tuple[dict[str, str], dict[str, Any]]:
    """What a mail is drawn from: {subject, body}, and the facts."""
    campaign = step.campaign
    shop = campaign.shop
    text = texts.get(asked.language) or {}
    template = {"subject": text.get("subject", ""), "body": text.get("body", "")}
    cart = _cart(shop, asked.cart_id)
    currency = cart.currency if cart else shop.currency
    facts = samples.facts(
        campaign.kind, asked.language, shop=letters.shop_facts(shop, asked.language), currency=currency
    )
    if cart:
        facts["cart"] = letters.cart_facts(cart, asked.language)
        facts["customer"] = letters.customer_facts(cart.customer)
    products_minor = facts["cart"]["products_minor"] if facts["cart"] else None
    facts["voucher"] = None if asked.is_withheld else _voucher(step, currency, products_minor, shop, now)
    return template, facts


def _cart(shop: Shop, cart_id: int | None) -> Cart | None:
    if cart_id is None:
        return None
    return (
        Cart.objects.filter(shop=shop, pk=cart_id, deleted_at=None, line_count__gt=0).select_related("customer").first()
    )


def _voucher(step: Step, currency: str, products_minor: int | None, shop: Shop, now: datetime) -> dict[str, Any] | None:
    """A made-up voucher with the terms of the step; None where it brings none."""
    if step.voucher == VoucherKind.NONE:
        return None
    amount = int(step.amounts_minor.get(currency, 0)) if step.voucher == VoucherKind.AMOUNT else 0
    return samples.voucher(currency) | {
        "kind": step.voucher,
        "percent_bp": step.percent_bp,
        "amount_minor": amount,
        "minimum_minor": worth.minimum_of(step, currency, amount, products_minor),
        "valid_until": guard.ends(now, step.valid_days, shop.zone).astimezone(shop.zone).isoformat(),
    }


def draw(step: Step, texts: Texts, asked: Asked, now: datetime) -> Look:
    """The mail as it would be read; its links lead nowhere."""
    kind = step.campaign.kind
    template, facts = parts(step, texts, asked, now)
    if not template["body"].strip():
        return Look(problems=(_("There is no text in this language yet."),))
    if wrong := problems(template, kind):
        return Look(problems=tuple(problem.sentence for problem in wrong))
    try:
        drawn = drawing.draw(template, facts, samples.dead_links(kind), language=asked.language)
    except GhostcartError as error:
        return Look(problems=(str(error),))
    if asked.is_text:
        return Look(subject=drawn.subject, text=drawn.text)
    letter = _with_our_pictures(_in_colours(drawn.html, asked.is_dark))
    return Look(subject=drawn.subject, html=_under_subject(letter, drawn.subject))


def of_message(message: Message, asked: Asked) -> Look:
    """The mail of a message: as it lies in the mailbox, with living links, else drawn again, with dead ones."""
    if kept := mailbox.read(message):
        html = _BODY.sub(lambda found: f'<base target="_blank">{found[0]}', kept.html, count=1)
        shown = drawing.Drawn(kept.subject, html, kept.text)
    else:
        try:
            links = samples.dead_links(message.kind)
            shown = drawing.draw(message.template, message.facts, links, language=message.language)
        except GhostcartError as error:
            return Look(problems=(str(error),))
    if asked.is_text:
        return Look(subject=shown.subject, text=shown.text)
    return Look(subject=shown.subject, html=_with_our_pictures(shown.html))


def subject(step: Step) -> str:
    """The subject as somebody would read it, in the language of the page if there is one; as typed if it fails."""
    texts, mine = step.texts, (get_language() or "en")[:2]
    language = next((one for one in (mine, step.campaign.shop.language, *texts) if one in texts), "")
    template = {"subject": (texts.get(language) or {}).get("subject", ""), "body": ""}
    try:
        facts = samples.facts(step.campaign.kind, language or "en")
        if step.voucher == VoucherKind.NONE:
            facts["voucher"] = None
        return drawing.draw(template, facts, {}, language=language).subject if template["subject"] else ""
    except GhostcartError:
        return template["subject"]


def _under_subject(html: str, subject: str) -> str:
    """The letter with its subject above it, as a mail program shows it."""
    head = (
        '<div style="padding:12px 16px;font:600 15px/1.4 system-ui,sans-serif;background:Canvas;color:CanvasText;'
        f'border-bottom:1px solid GrayText"><bdi>{escape(subject)}</bdi></div>'
    )
    return _BODY.sub(lambda found: found[0] + head, html, count=1)


def _in_colours(html: str, is_dark: bool) -> str:
    """The letter in one of its two looks, whatever the device asks for."""
    html = _ASKS_FOR_DARK.sub("(min-width: 0)" if is_dark else "(max-width: 0)", html)
    return _SCHEMES.sub(r"\1dark" if is_dark else r"\1light", html)


def _with_our_pictures(html: str) -> str:
    """Pictures by their path: the frame may only show those of the host that the back office is open on."""
    if settings.SITE_URL:
        html = html.replace(f'src="{settings.SITE_URL}', 'src="')
    return _OUTSIDE.sub(lambda found: f'{found[1]}{pictures.address(unescape(found[2]))}"', html)


# -- what is wrong with a text ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in one field of a text ("subject", "body")."""

    field: str
    sentence: str


def problems(text: Mapping[str, str], kind: str) -> list[Problem]:
    """What stands in the way of drawing this text, in words; nothing for an empty one."""
    if not (text["subject"].strip() or text["body"].strip()):
        return []
    found = templates.check(templates.Text(text["subject"], text["body"]), kind)
    return [Problem(problem.where, _with_line(problem)) for problem in found]


def _with_line(problem: templates.Problem) -> str:
    return (
        _("Line %(line)s: %(problem)s") % {"line": problem.line, "problem": problem} if problem.line else str(problem)
    )


def put_voucher(step: Step, values: Mapping[str, Any]) -> None:
    """Take the voucher's terms from the form onto the step, unsaved."""
    for name in ("voucher", "percent_bp", "amounts_minor", "minimums_minor", "valid_days"):
        setattr(step, name, values[name])
