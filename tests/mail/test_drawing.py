"""Drawn mails: both parts say and link the same, in the reader's language, whatever the facts are."""

import copy
import re

import pytest

from ghostcart.lib.texts import LANGUAGES
from ghostcart.mail import drawing, samples, values
from ghostcart.mail.drawing import draw
from ghostcart.mail.errors import TemplateFailed
from ghostcart.mail.words import known, words
from ghostcart.mail.words import samples as sample_words
from tests.mail.reading import TAGS, Page, addresses

HOST = "https://shop.example"
LINKS = {name: f"{HOST}/m/{name}/{'x' * 43}/" for name in ("restore", "stop", "preferences", "seen")}
LINKS["shop"] = f"{HOST}/fern/en/"
ALL = {
    "subject": "{{ shop.name }}: {{ cart.total }}",
    "body": "# Hello {{ customer.first_name }}\n\nA **word**.\n\n- one\n- two\n\n{{ cart_lines }}\n{{ restore_button }}"
    "\n{{ voucher_box }}\n{{ shop_button }}",
}
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "{{ 7 | times: 7 }}",
    "{% include 'x' %}", "{0.__class__}", "%(x)s", "${7*7}", "#{7}", "<%= 7 %>", "</title><script>", "**x**", "# x",
    "- x", "[[content]]", "[[shop]]", "@accent@", "<!--here content-->", "<!--begin line-->", "a\r\nBcc: x@y.z",
    "a\x00b", "\u202eevil", "&lt;b&gt;", "';--", "=cmd|' /C calc'!A0", "\ue010cart_lines\ue011",
]  # fmt: skip


def facts(kind="abandoned", language="en", **more):
    found = samples.facts(kind, language)
    for place, line in enumerate((found["cart"] or {"lines": []})["lines"]):
        line |= {"picture": f"{HOST}/media/{place}.jpg", "url": f"{HOST}/fern/en/sku/{place}/"}
    return found | more


def test_the_parts_have_the_same_links():
    drawn = draw(ALL, facts(), LINKS, language="en")
    page = Page(drawn.html)
    assert set(page.links) == addresses(drawn.text)
    assert set(page.links) == {*LINKS.values(), *(line["url"] for line in facts()["cart"]["lines"])} - {LINKS["seen"]}
    assert LINKS["seen"] in page.pictures


def test_the_parts_say_the_same():
    drawn = draw(ALL, facts(), LINKS, language="en")
    text = Page(drawn.html).text
    for said in ("Hello Emma", "one", "Linen tablecloth", "Sage green", "€84.00", "Products", "€155.00",
                 "Back to my cart", "K7QM-2RXW-9HTA", "10% off", "€40.00", "March 12, 2027", "Unsubscribe",
                 "Choose what you receive", "because you left products in your cart at Fern."):  # fmt: skip
        assert said in text, said
        assert said in drawn.text, said
    assert drawn.subject == "Fern: €155.00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_words_numbers_and_dates(language):
    drawn = draw(ALL, facts(language=language), LINKS, language=language)
    dates = {"en": "March 12, 2027", "it": "12 marzo 2027", "es": "12 de marzo de 2027", "de": "12. März 2027",
             "fr": "12 mars 2027", "nl": "12 maart 2027"}  # fmt: skip
    amounts = {"en": "€155.00", "nl": "€ 155,00"}
    text = drawn.text.replace("\u00a0", " ").replace("\u202f", " ")
    assert dates[language] in text
    assert amounts.get(language, "155,00 €") in text
    assert words(language)["stop"] in drawn.text
    assert f'lang="{language}"' in drawn.html


def test_the_languages_have_the_same_words_with_the_same_gaps():
    def gaps(text):
        return sorted(re.findall(r"\{(\w+)\}", text))

    for language in LANGUAGES:
        assert {name: gaps(text) for name, text in words(language).items()} == {
            name: gaps(text) for name, text in words("en").items()
        }
        assert sample_words(language).keys() == sample_words("en").keys()
    assert known("de-AT") == known("de_CH") == "de"
    assert known("pt") == known("") == known("x" * 50) == "en"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_people_typed_is_shown_and_does_nothing(hostile):
    typed = facts()
    typed["customer"] = {"first_name": hostile, "last_name": hostile, "name": hostile}
    typed["shop"] |= {"name": hostile, "imprint": hostile}
    typed["voucher"]["code"] = hostile
    typed["order"] = {"number": hostile, "placed_at": "2027-03-08", "total_minor": 1, "currency": "EUR"}
    for line in typed["cart"]["lines"]:
        line |= {"name": hostile, "option": hostile}
    template = {
        "subject": "{{ shop.name }} {{ customer.first_name }} {{ order.number }}",
        "body": "{{ customer.name }}, {{ shop.name }}\n\n{{ order.number }}\n\n{{ cart_lines }}{{ voucher_box }}",
    }
    page, plain = (
        Page((drawn := draw(template, typed, LINKS, language="en")).html),
        draw(ALL, facts(), LINKS, language="en"),
    )
    assert page.tags <= TAGS
    assert set(page.links) <= set(Page(plain.html).links)
    assert not any(name.startswith("on") for name in page.attributes)
    shown = values.shown(hostile)
    assert shown in page.text
    assert shown in drawn.text
    assert shown in drawn.subject
    assert page.title == drawn.subject
    assert not set(drawn.subject) & set("\r\n\x00\u202e")
    assert drawn.html.count('role="heading"') == 0  # no "# x" became one


def test_escaping_is_what_keeps_tags_out(monkeypatch):
    """The guard: without it, a name is a script."""
    typed = facts(customer={"first_name": "<script>alert(1)</script>"})
    assert "script" not in Page(draw(ALL, typed, LINKS, language="en").html).tags
    monkeypatch.setattr(drawing, "escape", str)
    assert "script" in Page(draw(ALL, typed, LINKS, language="en").html).tags


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x", " https://x",
                                     'https://x/" onmouseover="x', "https://x/\n", "JAVASCRIPT:x", ""])  # fmt: skip
def test_only_addresses_of_pages_become_links(address):
    typed = facts()
    typed["cart"]["lines"][0] |= {"url": address, "picture": address}
    page = Page(draw(ALL, typed, LINKS, language="en").html)
    assert all(link.startswith(f"{HOST}/") for link in (*page.links, *page.pictures))
    assert not any(name.startswith("on") for name in page.attributes)


def test_whoever_types_an_address_as_a_name_gets_no_advertising_from_us():
    """The trick: a stranger's e-mail, and "WIN NOW www.evil.example" as the first name."""
    for name in (
        "WIN http://evil.example",
        "www.evil.example",
        "call +391234567890",
        "me@evil.example",
        "buy at evil.com",
    ):
        typed = facts(customer={"first_name": name, "last_name": "", "name": name})
        assert draw(ALL, typed, LINKS, language="en").text.startswith("Hello\n"), name
    for name in ("Anne-Marie", "J. R. R.", "Ørsted", "Dr. No", "李", "O’Brien", "St. John"):
        typed = facts(customer={"first_name": name, "last_name": "", "name": name})
        assert f"Hello {name}\n" in draw(ALL, typed, LINKS, language="en").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_hundred_lines_stay_small(language):
    huge = samples.huge("abandoned", language)
    drawn = draw(ALL, huge, LINKS, language=language)
    assert len(drawn.html.encode()) < drawing.LARGEST
    assert drawn.html.count('class="line"') == drawing.LINES_SHOWN + 1
    more = 192 + 200 - drawing.LINES_SHOWN
    assert words(language)["more_other"].format(count=more) in Page(drawn.html).text
    assert words(language)["more_other"].format(count=more) in drawn.text


def test_what_lies_between_the_products_and_the_total_is_told():
    typed = facts(language="it")
    typed["cart"] |= {"products_minor": 19700, "discount_minor": 1970, "shipping_minor": 490, "total_minor": 18220}
    text = draw(ALL, typed, LINKS, language="it").text.replace("\xa0", " ")
    sums = ["Prodotti: 197,00 €", "Buoni sconto: -19,70 €", "Spedizione: 4,90 €", "Totale: 182,20 €"]
    assert "\n".join(sums) in text


def test_one_line_more_is_said_in_the_singular():
    typed = facts()
    typed["cart"]["more"] = 1
    assert "and 1 more product\n" in draw(ALL, typed, LINKS, language="en").text


def test_nothing_is_fetched_but_pictures():
    drawn = draw(ALL, facts(), LINKS, language="en")
    assert "@import" not in drawn.html
    assert "<link" not in drawn.html
    assert "fonts.g" not in drawn.html
    assert "url(" not in drawn.html
    page = Page(drawn.html)
    assert all(address.startswith(f"{HOST}/") for address in page.pictures)
    assert page.tags <= TAGS


def test_dark_mode_is_told_and_the_styles_are_inline():
    drawn = draw(ALL, facts(), LINKS, language="en")
    assert "@media (prefers-color-scheme: dark)" in drawn.html
    assert '<meta name="color-scheme" content="light dark">' in drawn.html
    assert re.search(r'<p class="long" style="[^"]*overflow-wrap', drawn.html)


@pytest.mark.parametrize("accent", ["#ffffff", "#000000", "#ffff00", "#ff0000", "red", "", '"><script>', "#12345g"])
def test_any_colour_of_the_shop_can_be_read(accent):
    typed = facts()
    typed["shop"]["accent"] = accent
    page = Page(draw(ALL, typed, LINKS, language="en").html)
    assert page.tags <= TAGS


def test_a_voucher_ends_with_its_day_or_says_the_hour():
    for until, said in (
        ("2026-10-26T00:00:00+01:00", "Valid until October 25, 2026"),  # the day the clocks went back
        ("2026-03-29T00:00:00+01:00", "Valid until March 28, 2026"),
        ("2026-11-25T15:30:00+01:00", "Valid until November 25, 2026, 3:30\u202fPM"),
        ("", ""),
    ):
        typed = facts()
        typed["voucher"]["valid_until"] = until
        assert values.valid_until(typed["voucher"], "en") == said
        assert said in draw(ALL, typed, LINKS, language="en").text


@pytest.mark.parametrize(
    ("voucher", "said"),
    [
        ({"kind": "percent", "percent_bp": 1250}, "12.5% off"),
        ({"kind": "amount", "amount_minor": 500, "currency": "CHF"}, "CHF\u00a05.00 off"),
        ({"kind": "amount", "amount_minor": 500, "currency": "JPY"}, "¥500 off"),
        ({"kind": "free_shipping"}, "Free delivery"),
        ({"kind": "gift"}, "A small gift"),
    ],
)
def test_a_voucher_says_what_it_gives(voucher, said):
    drawn = draw(ALL, facts(voucher={"code": "ABC", **voucher}), LINKS, language="en")
    assert f"Voucher: {said}\nABC\nNo minimum purchase\nFor you alone" in drawn.text
    assert said.replace("\u00a0", " ") in Page(drawn.html).text


def test_without_a_cart_the_button_brings_the_voucher_or_leads_to_the_shop():
    with_voucher = draw(ALL, facts("best"), LINKS, language="en").text
    assert f"Use the voucher:\n{LINKS['restore']}" in with_voucher
    without = draw(ALL, facts("best", voucher=None), LINKS, language="en").text
    assert f"To the shop:\n{LINKS['shop']}" in without
    assert "Back to my cart" not in with_voucher + without


def test_addresses_that_are_no_secret_may_come_with_the_facts():
    kept = facts("notice", links={"cart": f"{HOST}/backoffice/carts/7/", "report": "javascript:alert(1)"})
    drawn = draw({"subject": "x", "body": "{{ cart_button }}{{ report_button }}"}, kept, {}, language="en")
    assert f"Look at the cart:\n{HOST}/backoffice/carts/7/" in drawn.text
    assert "Open the report" not in drawn.text


def test_the_reason_fits_the_mail():
    said = {"abandoned": "left products in your cart", "thanks": "ordered from", "best": "are a customer of"}
    for kind, reason in said.items():
        assert reason in draw(ALL, facts(kind), LINKS, language="en").text
    account = draw(ALL, facts("account"), {"shop": LINKS["shop"]}, language="en").text
    assert "You receive this e-mail" not in account
    assert "Unsubscribe" not in account


def test_nearly_no_facts_still_give_a_mail():
    drawn = draw(ALL, {}, {}, language="xx")
    assert Page(drawn.html).tags <= TAGS
    assert draw({}, {"shop": {"name": "Fern"}}, {}, language="en").subject == "Fern"


def test_a_text_that_asks_for_too_much_says_so():
    with pytest.raises(TemplateFailed):
        draw({"subject": "x", "body": "{% for i in (1..99999999) %}a{% endfor %}"}, facts(), LINKS, language="en")


def test_drawing_again_gives_the_same_and_leaves_the_facts_alone():
    typed = facts()
    before = copy.deepcopy(typed)
    assert draw(ALL, typed, LINKS, language="it") == draw(ALL, typed, LINKS, language="it")
    assert typed == before
