"""The texts that come with the program: complete in six languages, alike in what they use, fine with any facts."""

import re

import pytest

from ghostcart.lib.texts import LANGUAGES
from ghostcart.mail import drawing, samples, templates
from ghostcart.recovery import texts
from ghostcart.recovery.kinds import TRAITS
from tests.mail.reading import TAGS, Page, addresses

ALL = [
    *[(f"{kind}_{step}", str(kind), step) for kind, it in TRAITS.items() for step in range(1, len(it.steps) + 1)],
    ("summary", "summary", 0), ("notice", "notice", 0), ("password_reset", "account", 0),
]  # fmt: skip
NAMES = [name for name, _kind, _step in ALL]
LINKS = {name: f"https://shop.example/{name}/" for name in
         ("restore", "stop", "preferences", "shop", "report", "cart", "reset")}  # fmt: skip


def text(name, kind, step, language):
    return texts.default(kind, step)[language] if step else texts.system(name, language)


def uses(template):
    """The variables, blocks and tags of a text. First name or whole name: as the language greets."""
    found = re.findall(r"\{\{-? *([\w.]+)|\{%-? *(\w+(?: [\w.]+)?)", template["subject"] + template["body"])
    return sorted({re.sub(r"customer\.\w+", "customer", variable or tag) for variable, tag in found})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "kind", "step"), ALL, ids=NAMES)
def test_each_text_can_be_drawn_with_any_facts(name, kind, step, language):
    template = text(name, kind, step, language)
    assert templates.check(templates.Text(**template), kind) == []
    full = samples.facts(kind, language)
    for facts in (full, full | {"voucher": None}, samples.empty(kind), samples.huge(kind, language)):
        drawn = drawing.draw(template, facts, LINKS, language=language)
        page = Page(drawn.html)
        assert page.tags <= TAGS
        assert set(page.links) == addresses(drawn.text)
        assert len(drawn.html.encode()) < drawing.LARGEST
        assert drawn.subject
        assert drawn.subject == drawn.subject.strip()
        for part in (drawn.subject, drawn.text, page.text):
            assert not re.search(r"\{\{|\{%|\bNone\b|\[\[|[\ue000-\uf8ff]", part), part
        assert not re.search(r" [,.]|  |\.\.", drawn.text.split("-" * 40)[0].replace(" …", "")), drawn.text


@pytest.mark.parametrize(("name", "kind", "step"), ALL, ids=NAMES)
def test_all_languages_use_the_same_variables_and_blocks(name, kind, step):
    expected = uses(text(name, kind, step, "en"))
    assert expected
    for language in LANGUAGES:
        assert uses(text(name, kind, step, language)) == expected, language


def test_every_language_has_every_text_and_no_more():
    for language in LANGUAGES:
        assert sorted(texts._texts(language)) == sorted(NAMES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_missing_name_leaves_a_whole_greeting(language):
    template = texts.default("abandoned", 1)[language]
    facts = samples.facts("abandoned", language)
    named = drawing.draw(template, facts, LINKS, language=language).text.splitlines()[0]
    nameless = drawing.draw(template, facts | {"customer": {}}, LINKS, language=language).text.splitlines()[0]
    assert facts["customer"]["first_name"] in named
    assert re.fullmatch(r"[A-Z]\w+( \w+)?[,:]", nameless)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_reminder_has_no_voucher_and_the_others_bear_to_have_none(language):
    facts = samples.facts("abandoned", language)
    code = facts["voucher"]["code"]
    shown = [
        code in drawing.draw(texts.default("abandoned", step)[language], facts, LINKS, language=language).text
        for step in (1, 2, 3)
    ]
    assert shown == [False, True, True]


def test_further_steps_get_the_last_text():
    assert texts.default("abandoned", 9) == texts.default("abandoned", 3)
    assert texts.default("best", 2) == texts.default("best", 1)
    assert texts.system("summary", "pt") == texts.system("summary", "en")


def test_what_is_given_out_can_be_changed_without_harm():
    texts.default("best", 1)["en"]["subject"] = "changed"
    assert texts.default("best", 1)["en"]["subject"] != "changed"


@pytest.mark.parametrize("language", ["de", "fr"])
def test_formal_languages_stay_formal(language):
    informal = {"de": r"\b(du|dich|dir|dein\w*)\b", "fr": r"\b(tu|toi|ton|ta|tes)\b"}[language]
    for name, kind, step in ALL:
        template = text(name, kind, step, language)
        assert not re.search(informal, template["subject"] + template["body"], re.IGNORECASE), name
