"""The little markup: what it means, and that nothing else ever gets any power."""

from hypothesis import example, given
from hypothesis import strategies as st

from ghostcart.mail import drawing, markup, sandbox, values
from ghostcart.mail.markup import Block, Bullets, Heading, Paragraph, parse
from tests.mail.reading import TAGS, Page


def plain(text):
    return ((text, False),)


def test_paragraphs_headings_lists_and_bold():
    text = "# A title\nOne **bold** line\nand a second\n\nNext\n- first\n* **second**\n\n- third\nEnd"
    assert parse(text) == (
        Heading(plain("A title")),
        Paragraph(((("One ", False), ("bold", True), (" line", False)), plain("and a second"))),
        Paragraph((plain("Next"),)),
        Bullets((plain("first"), (("second", True),), plain("third"))),
        Paragraph((plain("End"),)),
    )


def test_a_block_stands_alone_wherever_it_was_written():
    assert parse(f"before {markup.block('cart_lines')} behind") == (
        Paragraph((plain("before"),)),
        Block("cart_lines"),
        Paragraph((plain("behind"),)),
    )


def test_stars_that_are_no_markup_stay():
    for text in ("2 * 3 = 6", "** not **", "**open", "a ** b", "#hashtag", "-5 degrees", "***"):
        assert parse(text) == (Paragraph((plain(text),)),)


def test_what_a_variable_gives_is_no_markup():
    for name in ("**Bold**", "# Title", "- item", "line\n# Title", "\ue010cart_lines\ue011", "*"):
        tidy = values.shown(name)
        found = values.variables({"shop": {"name": name}}, "en")
        pieces = parse(
            sandbox.render("{{ shop.name }}\n{{ shop.name }} **{{ shop.name }}** {% echo shop.name %}", found)
        )
        assert pieces == (Paragraph((plain(tidy), ((f"{tidy} ", False), (tidy, True), (f" {tidy}", False)))),), name


def test_guarding_is_what_takes_its_power(monkeypatch):
    """The guard of the guard: without it, a name is a heading."""
    monkeypatch.setattr(markup, "guard", str)
    assert parse(sandbox.render("{{ s }}", {"s": "# Title"})) == (Heading(plain("Title")),)


def test_what_was_captured_is_as_harmless_as_it_was():
    source = "{% capture x %}{{ name }}{% endcapture %}{{ x }}{% assign y = name %} {{ y }}"
    assert parse(sandbox.render(source, {"name": "- **a-b**"})) == (Paragraph((plain("- **a-b** - **a-b**"),)),)


def test_a_name_that_ends_with_a_full_stop_ends_a_sentence():
    shown = parse(sandbox.render("From {{ s }}. And {{ s }}, {{ s }}", {"s": "Fern & Co."}))
    assert shown == (Paragraph((plain("From Fern & Co. And Fern & Co., Fern & Co."),)),)


LETTERS = st.text(
    alphabet=st.sampled_from("*#-• \n\r\tab<>&\"'{}[]()!`_\\/\ue001\ue010\ue011\u2028\x00\u202e"), max_size=60
)


@given(LETTERS | st.text(max_size=200))
@example("**<script>**")
@example("# <img src=x onerror=alert(1)>")
@example("[[content]] [[shop]]")
def test_no_text_raises_or_lets_a_tag_through(text):
    pieces = parse(text)
    typed = text.replace("{", "(")  # braces are Liquid's: test_templates
    drawn = drawing.draw({"subject": typed, "body": typed}, {"shop": {"name": text}}, {}, language="en")
    page = Page(drawn.html)
    assert page.tags <= TAGS
    assert page.links == []
    assert not any(name.startswith("on") for name in page.attributes)
    assert "\n" not in drawn.subject
    assert all(isinstance(piece, Heading | Paragraph | Bullets | Block) for piece in pieces)
