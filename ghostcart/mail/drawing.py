"""A mail, drawn from the merchant's text and the facts: HTML and text from the same pieces, with the same links."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

from ghostcart.mail import markup, sandbox, values
from ghostcart.mail.errors import TemplateFailed
from ghostcart.mail.shell import Part, shell
from ghostcart.mail.words import known, words

LONGEST_SUBJECT = 200
LINES_SHOWN = 8
LARGEST = 100_000
"""Bytes. Above about 102,000 Gmail cuts a mail, and with it the link that stops it."""

Links = Mapping[str, str]
Html: TypeAlias = str
Plain: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Drawn:
    subject: str
    html: Html
    text: Plain


def draw(template: Mapping[str, str], facts: Mapping[str, Any], links: Links, *, language: str) -> Drawn:
    """The mail of a template {subject, body}. Raises TemplateFailed where the text asks for more than it may.

    Facts: shop {name, url, accent, imprint}, customer {first_name, last_name}, cart {currency, item_count, total_minor,
    products_minor, discount_minor, shipping_minor, tax_minor, lines, more}, order, voucher, staff; `samples` has one of
    each. Links: restore, stop, preferences, shop, seen; reset, report, cart in our own mails. Addresses that are no
    secret may also be in the facts' `links`.
    Whatever is missing is left out.
    """
    letter = _Letter(facts, links, known(language))
    found = values.variables(facts, language)
    blocks = {name: sandbox.BlockValue(name) if letter.can_draw(name) else None for name in BLOCKS}
    try:
        subject = markup.plain(sandbox.render(template.get("subject", ""), found))
        body = sandbox.render(template.get("body", ""), {**found, **blocks})
    except sandbox.TEMPLATE_ERRORS as error:
        raise TemplateFailed(what=sandbox.message(error)) from error
    pieces = markup.parse(body)
    drawn = [letter.piece(piece) for piece in pieces]
    foot = list(letter.footer())
    subject = subject[:LONGEST_SUBJECT] or letter.shop_name
    html = letter.shell.page.fill(
        language=letter.language,
        subject=escape(subject),
        preview=escape(_preview(pieces)),
        shop=_linked(letter.shop_address, escape(letter.shop_name)),
        content="".join(html for html, _ in drawn),
        footer="".join(html for html, _ in foot) + letter.pixel(),
    )
    text = "\n\n".join(text for _, text in (*drawn, ("", "-" * 40), *foot) if text)
    return Drawn(subject, html, text + "\n")


class _Letter:
    """One mail being drawn: each method gives a piece of it as (HTML, text)."""

    def __init__(self, facts: Mapping[str, Any], links: Links, language: str) -> None:
        shop = facts.get("shop") or {}
        self.language, self.words = language, words(language)
        addresses = {**(facts.get("links") or {}), **links}
        self.facts, self.links = facts, {name: _web(address) for name, address in addresses.items()}
        self.cart, self.voucher = facts.get("cart") or {}, facts.get("voucher") or {}
        self.shell = shell(shop.get("accent") or "")
        self.shop_name = values.shown(shop.get("name") or "")
        self.shop_address = self.links.get("shop") or _web(shop.get("url") or "")

    def can_draw(self, name: str) -> bool:
        if name == "cart_lines":
            return bool(self.cart.get("lines"))
        if name == "voucher_box":
            return bool(self.voucher.get("code"))
        return bool(self.button(name)[0])

    def piece(self, piece: markup.Piece) -> tuple[Html, Plain]:
        match piece:
            case markup.Heading(text):
                plain = _plain(text)
                return self._part("heading").fill(text=_html(text)), f"{plain}\n{'=' * min(len(plain), 60)}"
            case markup.Paragraph(lines):
                html = "<br>".join(map(_html, lines))
                return self._part("paragraph").fill(text=html), "\n".join(map(_plain, lines))
            case markup.Bullets(items):
                html = "".join(f'<li style="margin:0 0 6px">{_html(item)}</li>' for item in items)
                return self._part("bullets").fill(items=html), "\n".join(f"- {_plain(item)}" for item in items)
            case markup.Block(name):
                return BLOCKS[name](self, name) if name in BLOCKS and self.can_draw(name) else ("", "")

    def cart_lines(self, _name: str) -> tuple[Html, Plain]:
        lines = self.cart["lines"]
        more = (self.cart.get("more") or 0) + max(0, len(lines) - LINES_SHOWN)
        drawn = [self._line(line) for line in lines[:LINES_SHOWN]]
        if more:
            words = self.words["more_one" if more == 1 else "more_other"]
            words = words.format(count=values.number(more, self.language))
            drawn.append((self._part("more").fill(text=escape(words)), words))
        products, total = self.cart.get("products_minor"), self.cart.get("total_minor")
        drawn += [self._sum("products", products)] if products is not None else []
        between = {name: self.cart.get(f"{name}_minor") or 0 for name in ("discount", "shipping", "tax")}
        drawn += [self._sum(name, -minor if name == "discount" else minor) for name, minor in between.items() if minor]
        drawn += (
            [self._sum("total", total)] if total is not None and (total != products or any(between.values())) else []
        )
        return "".join(html for html, _ in drawn) + self._part("gap").fill(), "\n".join(text for _, text in drawn)

    def _line(self, line: Mapping[str, Any]) -> tuple[Html, Plain]:
        name, option = values.shown(line.get("name") or ""), values.shown(line.get("option") or "")
        url, picture = _web(line.get("url") or ""), _web(line.get("picture") or "")
        gift = line.get("is_gift")
        total = self.words["gift"] if gift else self._money(line.get("total_minor"))
        count = values.number(line.get("quantity") or 1, self.language)
        html = self._part("line").fill(
            picture=_picture(picture, url),
            name=_linked(url, escape(name)),
            option=f"<br><bdi>{escape(option)}</bdi>" if option else "",
            quantity=escape(self.words["quantity"].format(count=count)),
            total=escape(total),
        )
        text = f"{count} × {name}{f' ({option})' if option else ''}: {total}"
        return html, f"{text}\n{url}" if url else text

    def _sum(self, word: str, minor: int) -> tuple[Html, Plain]:
        label, amount = self.words[word], self._money(minor)
        return self._part("sum").fill(label=escape(label), amount=escape(amount)), f"{label}: {amount}"

    def _money(self, minor: int | None) -> str:
        return values.amount(minor, self.cart.get("currency") or "", self.language) or ""

    def voucher_box(self, _name: str) -> tuple[Html, Plain]:
        """What it gives, its code, and all its conditions in words."""
        worth, code = values.worth(self.voucher, self.language), values.shown(self.voucher["code"])
        worth = worth[:1].upper() + worth[1:]
        minimum = self.voucher.get("minimum_minor")
        amount = values.amount(minimum, self.voucher.get("currency") or "", self.language)
        terms = [
            self.words["minimum"].format(amount=amount) if minimum else self.words["no_minimum"],
            values.valid_until(self.voucher, self.language),
            self.words["single_use"],
            self.words["by_button"] if self.cart and self.links.get("restore") else "",
        ]
        terms = [term for term in terms if term]
        html = self._part("voucher").fill(
            title=escape(self.words["voucher"]),
            value=escape(worth),
            code=escape(code),
            terms="".join(f'<div style="padding-top:3px">{escape(term)}</div>' for term in terms),
        )
        return html, "\n".join([f"{self.words['voucher']}: {worth}", code, *terms])

    def draw_button(self, name: str) -> tuple[Html, Plain]:
        address, word = self.button(name)
        label = self.words[word]
        html = self._part("button").fill(url=escape(address), label=escape(label))
        return html, f"{label}:\n{address}"

    def button(self, name: str) -> tuple[str, str]:
        """Where a button leads (nowhere: it is left out) and the word on it.

        Without a cart, the link back still brings a voucher along.
        """
        back, shop = self.links.get("restore", ""), self.shop_address
        brings_voucher = bool(back and self.voucher and not self.cart)
        match name:
            case "restore_button" if self.cart and back:
                return back, "to_cart"
            case "restore_button" | "shop_button":
                return (back, "use_voucher") if brings_voucher else (shop, "to_shop")
            case "reset_button":
                return self.links.get("reset", ""), "reset_password"
            case "report_button":
                return self.links.get("report", ""), "open_report"
            case _:
                return self.links.get("cart", ""), "open_cart"

    def footer(self) -> Iterator[tuple[Html, Plain]]:
        """Who sends it, why, and how to have no more of it."""
        shop = self.facts.get("shop") or {}
        stop, preferences = self.links.get("stop"), self.links.get("preferences")
        if stop or preferences or self.facts.get("staff"):
            sort = next((sort for sort in ("staff", "cart", "order") if self.facts.get(sort)), "customer")
            why = self.words[f"why_{sort}"].format(shop=self.shop_name)
            yield self._small([why[:-1] if why.endswith("..") else why])  # of a "Fern & Co."
        asked = [(self.words["stop"], stop), (self.words["preferences"], preferences)]
        given = [(word, address) for word, address in asked if address]
        if given:
            html = " &nbsp;·&nbsp; ".join(_linked(address, escape(word), "underline") for word, address in given)
            yield self._part("small").fill(text=html), "\n".join(f"{word}: {address}" for word, address in given)
        imprint = [values.shown(line) for line in (shop.get("imprint") or "").splitlines()]
        yield self._small([line for line in imprint if line] or [self.shop_name])
        yield "", self.shop_address

    def _small(self, lines: list[str]) -> tuple[Html, Plain]:
        html = "<br>".join(f"<bdi>{escape(line)}</bdi>" for line in lines)
        return self._part("small").fill(text=html), "\n".join(lines)

    def pixel(self) -> Html:
        """The picture that counts openings, where the shop switched that on."""
        seen = self.links.get("seen")
        return self._part("seen").fill(address=escape(seen)) if seen else ""

    def _part(self, name: str) -> Part:
        return self.shell.parts[name]


BLOCKS: Mapping[str, Callable[[_Letter, str], tuple[Html, Plain]]] = {
    "cart_lines": _Letter.cart_lines,
    "restore_button": _Letter.draw_button,
    "shop_button": _Letter.draw_button,
    "voucher_box": _Letter.voucher_box,
    "reset_button": _Letter.draw_button,
    "report_button": _Letter.draw_button,
    "cart_button": _Letter.draw_button,
}


def _html(line: markup.Inline) -> Html:
    return "".join(f"<strong>{escape(text)}</strong>" if bold else escape(text) for text, bold in line)


def _plain(line: markup.Inline) -> Plain:
    return "".join(text for text, _ in line)


def _preview(pieces: tuple[markup.Piece, ...]) -> str:
    """What the list of mails shows beside the subject: the first real paragraph, without the greeting."""
    paragraphs = [" ".join(map(_plain, piece.lines)) for piece in pieces if isinstance(piece, markup.Paragraph)]
    return next((text for text in paragraphs if len(text) > 40), "")[:140]


def _web(address: str) -> str:
    """The address if it leads to a page (or nowhere, in previews), else nothing: no javascript:, no data:."""
    fits = address == "#" or address.startswith(("https://", "http://"))
    return address if fits and address.isprintable() and " " not in address else ""


def _linked(address: str, html: Html, decoration: str = "none") -> Html:
    if not address:
        return html
    return f'<a href="{escape(address)}" style="color:inherit;text-decoration:{decoration}">{html}</a>'


def _picture(address: str, url: str) -> Html:
    if not address:
        return '<div class="bare" style="width:64px;height:64px;border-radius:8px;background-color:#eeebe4"></div>'
    picture = (
        f'<img class="picture" src="{escape(address)}" width="64" height="64" alt="" '
        'style="display:block;border:1px solid #e4e0d7;border-radius:8px;object-fit:cover">'
    )
    return _linked(url, picture)
