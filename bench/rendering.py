"""Mails drawn to the bytes that go over the wire, beside Django's templates and its EmailMultiAlternatives.

    python -m bench rendering

A reminder with five products, a voucher and links of its own, in HTML and as text; one process, taking turns. Django is
given the same HTML as a compiled template, whose lines are short enough to go out unencoded, and amounts and links that
are ready to be written.
"""

import os
import random
import statistics
import tempfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from email import message_from_bytes, policy
from time import process_time
from typing import Any

from bench._data import FIRST
from bench._figures import Goal, median, show

MAILS, ROUNDS = 300, int(os.environ.get("BENCH_ROUNDS", "9"))
LINES, PRODUCTS = 5, 200
GOAL = Goal(2, 5, is_most=False)
ACCENT, SHOP = "#3b6e57", "https://shop.example"
PURPOSES = ("restore", "stop", "preferences")

# -- ours --------------------------------------------------------------------------------------------


def messages(chance: random.Random) -> list[tuple[Any, dict[str, str]]]:
    """Rows of the outbox as a worker has them, each with the addresses of its links."""
    from ghostcart.mail import samples
    from ghostcart.mail.models import Message
    from ghostcart.recovery import texts
    from ghostcart.shops.models import Shop

    of_shop = {"name": "Fern & Co", "url": f"{SHOP}/", "accent": ACCENT, "imprint": ""}
    shop = Shop(pk=1, slug="fern", name="Fern & Co", mail_from="hello@fern.example", accent=ACCENT, currency="EUR")
    text = texts.default("abandoned", 2)["en"]
    made = []
    for _ in range(MAILS):
        number = chance.randrange(10**9)
        facts = {**samples.facts("abandoned", "en", shop=of_shop), "cart": cart(chance)}
        facts["customer"] = {"first_name": chance.choice(FIRST), "last_name": "Fox"}
        message = Message(pk=number, shop=shop, kind="reminder", address=f"{number}@example.org", language="en",
                          template=text, facts=facts, claims=1)  # fmt: skip
        made.append((message, {name: f"{SHOP}/m/{name}/{chance.randbytes(21).hex()}/" for name in PURPOSES}))
    return made


def cart(chance: random.Random) -> dict[str, Any]:
    lines: list[dict[str, Any]] = []
    for number in chance.sample(range(PRODUCTS), LINES):
        quantity, cents = 1 + number % 3, 190 + number * 7919 % 9800
        lines.append({
            "name": f"Stoneware <teapot> No. {number}", "option": "Sand / 1.2 l", "quantity": quantity,
            "unit_price_micros": cents * 10_000, "total_minor": cents * quantity, "url": f"{SHOP}/p/teapot-{number}/",
            "picture": f"{SHOP}/pictures/teapot-{number}.jpg",
        })  # fmt: skip
    total = sum(line["total_minor"] for line in lines)
    return {"currency": "EUR", "item_count": sum(line["quantity"] for line in lines), "total_minor": total,
            "products_minor": total, "lines": lines, "more": 0}  # fmt: skip


def ours(message: Any, urls: dict[str, str]) -> bytes:
    from ghostcart.mail import smtp, writing
    from ghostcart.mail.handover import Letter

    return smtp.on_the_wire(Letter(writing.write_mail(message, urls), message.address, ""))


# -- theirs ------------------------------------------------------------------------------------------

SUBJECT = "A voucher for your cart: {{ voucher.percent }}% off"
GREETING = "Hello{% if customer.first_name %} {{ customer.first_name }}{% endif %},"
OFFER = (
    "The products in your cart at {{ shop.name }} are still there. In case it helps you decide, here is a voucher for "
    "you:"
)
WORTH = "{{ voucher.percent }}% off"
TERMS = (
    "For purchases of €{{ voucher.minimum|floatformat:2 }} or more",
    'Valid until {{ voucher.last_day|date:"F j, Y" }}',
    "For you alone, can be used once",
    "The button puts it into your cart by itself.",
)
ASK = "If you would like to know more about a product or about delivery, just reply to this e-mail."
WHY = "You receive this e-mail because you left products in your cart at {{ shop.name }}."
TOTAL = "€{{ total|floatformat:2 }}"
LINE = "{{ line.quantity }} × {{ line.name }} ({{ line.option }}): €{{ line.total|floatformat:2 }}\n{{ line.url }}\n"
TEXT = (
    GREETING, OFFER, "\n".join((f"Voucher: {WORTH}", "{{ voucher.code }}", *TERMS)),
    "{% for line in lines %}" + LINE + "{% endfor %}Products: " + TOTAL, "Back to my cart:\n{{ links.restore }}", ASK,
    "-" * 40, WHY, "Unsubscribe: {{ links.stop }}\nChoose what you receive: {{ links.preferences }}",
    "{{ shop.name }}", "{{ shop.url }}\n",
)  # fmt: skip


def html() -> str:
    """The looks of ours, with variables of Django in the gaps."""
    from ghostcart.mail.shell import shell

    look = shell(ACCENT)

    def part(name: str, /, **gaps: str) -> str:
        return look.parts[name].fill(**gaps)

    def link(address: str, inner: str, decoration: str = "none") -> str:
        return f'<a href="{address}" style="color:inherit;text-decoration:{decoration}">{inner}</a>'

    picture = (
        '<img class="picture" src="{{ line.picture }}" width="64" height="64" alt="" '
        'style="display:block;border:1px solid #e4e0d7;border-radius:8px;object-fit:cover">'
    )
    line = part(
        "line", picture=link("{{ line.url }}", picture), name=link("{{ line.url }}", "{{ line.name }}"),
        option="{% if line.option %}<br><bdi>{{ line.option }}</bdi>{% endif %}",
        quantity="Quantity: {{ line.quantity }}", total="€{{ line.total|floatformat:2 }}",
    )  # fmt: skip
    content = (
        part("paragraph", text=GREETING), part("paragraph", text=OFFER),
        part("voucher", title="Voucher", value=WORTH, code="{{ voucher.code }}",
             terms="".join(f'<div style="padding-top:3px">{term}</div>' for term in TERMS)),
        "{% for line in lines %}", line, "{% endfor %}", part("sum", label="Products", amount=TOTAL), part("gap"),
        part("button", url="{{ links.restore }}", label="Back to my cart"), part("paragraph", text=ASK),
    )  # fmt: skip
    leave = link("{{ links.stop }}", "Unsubscribe", "underline") + " &nbsp;·&nbsp; " + link(
        "{{ links.preferences }}", "Choose what you receive", "underline")  # fmt: skip
    page = look.page.fill(
        language="en", subject=SUBJECT, preview=OFFER, shop=link("{{ shop.url }}", "{{ shop.name }}"),
        content="".join(content),
        footer="".join(part("small", text=text) for text in (f"<bdi>{WHY}</bdi>", leave, "<bdi>{{ shop.name }}</bdi>")),
    )  # fmt: skip
    return page.replace("><", ">\n<")


def context(message: Any, links: dict[str, str]) -> dict[str, Any]:
    facts = message.facts
    return {
        "shop": facts["shop"], "customer": facts["customer"], "links": links, "to": message.address,
        "lines": [{**line, "total": Decimal(line["total_minor"]) / 100} for line in facts["cart"]["lines"]],
        "total": Decimal(facts["cart"]["total_minor"]) / 100,
        "voucher": {**facts["voucher"], "percent": 10, "minimum": Decimal(40), "last_day": date(2027, 3, 12)},
    }  # fmt: skip


def theirs(templates: dict[str, Any], values: dict[str, Any]) -> bytes:
    from django.core.mail import EmailMultiAlternatives
    from django.template import Context

    plain = Context(values, autoescape=False)
    stop = values["links"]["stop"]
    mail = EmailMultiAlternatives(
        templates["subject"].render(plain), templates["text"].render(plain), "Fern & Co <hello@fern.example>",
        [values["to"]], headers={"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                                 "Auto-Submitted": "auto-generated", "Content-Language": "en"},
    )  # fmt: skip
    mail.attach_alternative(templates["html"].render(Context(values)), "text/html")
    return mail.message().as_bytes(linesep="\r\n")


# -- measuring ---------------------------------------------------------------------------------------


def main() -> None:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "ghostcart.config.settings", "LOG_LEVEL": "WARNING",
                   "GHOSTCART_DATA": tempfile.gettempdir()}  # fmt: skip
    import django

    django.setup()
    from django.template import Template

    templates = {name: Template(source) for name, source in
                 (("subject", SUBJECT), ("text", "\n\n".join(TEXT)), ("html", html()))}  # fmt: skip
    chance = random.Random(7)
    rates: list[tuple[float, float]] = []
    for number in range(ROUNDS + 1):
        letters = messages(chance)
        contexts = [context(*letter) for letter in letters]
        pair = rate(lambda one: ours(*one), letters), rate(lambda one: theirs(templates, one), contexts)
        if number == 0:
            compare(ours(*letters[0]), theirs(templates, contexts[0]))
        else:
            rates.append(pair)
    other = statistics.median(rate for _, rate in rates)
    show("Rendering, one process", [
        median(f"mails with {LINES} products to bytes", [rate for rate, _ in rates], "/s", GOAL, against="Django",
               other=other),
    ])  # fmt: skip


def rate(draw: Callable[[Any], bytes], given: list[Any]) -> float:
    """Mails a second of the processor: whatever else runs here does not count."""
    started = process_time()
    for one in given:
        draw(one)
    return len(given) / (process_time() - started)


def compare(one: bytes, other: bytes) -> None:
    """Both say the same, letter for letter, but for line ends (and the dots that SMTP doubles)."""
    mails = [message_from_bytes(mail, policy=policy.default) for mail in (one.replace(b"\r\n..", b"\r\n."), other)]
    for sort in ("plain", "html"):
        texts = ["".join(mail.get_body((sort,)).get_content().split()) for mail in mails]  # type: ignore[union-attr]
        assert texts[0] == texts[1], f"the mails differ: {texts}"


if __name__ == "__main__":
    main()
