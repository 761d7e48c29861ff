"""Six languages, complete: no text without its translations, and no visible text that is not a text to translate."""

import ast
import html.parser
import re

import pytest
from django.conf import settings
from django.template import Context, Template
from django.utils import translation
from django.utils.translation import gettext, ngettext

from ghostcart.config import translations

ENGLISH = "en"
TRANSLATED = sorted(translations.LANGUAGES)
ALL = [ENGLISH, *TRANSLATED]

# GLOSSARY.md: the words merchants know from PrestaShop's own documentation.
GLOSSARY_LANGUAGES = ("it", "es", "de", "fr", "nl")
GLOSSARY = {
    "Shopping carts": (
        "Carrelli della spesa",
        "Carritos de compra",
        "Warenkörbe",
        "Paniers",
        "Winkelwagens",
    ),
    "Customers": ("Clienti", "Clientes", "Kunden", "Clients", "Klanten"),
    "Orders": ("Ordini", "Pedidos", "Bestellungen", "Commandes", "Bestellingen"),
    "View": ("Vedi", "Ver", "Anzeigen", "Détails", "Bekijken"),
    "Cart summary": (
        "Riepilogo del carrello",
        "Resumen de la compra",
        "Inhalt des Warenkorbs",
        "Détail du panier",
        "Winkelwagenoverzicht",
    ),
    "Carts": ("Carrelli", "Carritos", "Warenkörbe", "Paniers", "Winkelwagens"),
    "Abandoned cart": (
        "Carrello abbandonato",
        "Carrito abandonado",
        "Verwaister Warenkorb",
        "Panier abandonné",
        "Verlaten winkelwagen",
    ),
    "Ghost cart": (
        "Carrello fantasma",
        "Carrito fantasma",
        "Geisterwarenkorb",
        "Panier fantôme",
        "Spookwinkelwagen",
    ),
    "Delete": ("Elimina", "Eliminar", "Löschen", "Supprimer", "Verwijderen"),
    "Follow-ups": (
        "Promemoria",
        "Seguimiento de clientes",
        "Kunden-Nachfassaktionen",
        "Relances",
        "Klant volgen",
    ),
    "Voucher": ("Buono sconto", "Cupón de descuento", "Gutschein", "Bon d'achat", "Waardebon"),
    "Best customers": (
        "Migliori clienti",
        "Mejores clientes",
        "Beste Kunden",
        "Meilleurs clients",
        "Beste klanten",
    ),
}
# The same words inside sentences: if the English has the first, the translation has the stem.
STEMS = {
    r"\bcarts?\b": ("carrell", "carrito|compra", "w[aä]renk[oö]rb", "panier", "winkelwagen"),
    r"\bcustomers?\b": ("client", "client", "kund", "client", "klant"),
    r"\bvouchers?\b": ("buon[oi]", "cup[oó]n", "gutschein", "bons? d['’]achat", "waardebon"),
    r"\borders?\b(?! by)": ("ordin", "ped[ií]", "bestell", "command", "bestel"),
    r"\babandoned\b": ("abbandonat", "abandonad", "verwaist", "abandonné", "verlaten"),
    r"\bdelete\b": ("elimin", "elimin|borrar", "lösch", "suppri", "verwijder"),
}
# Sentences that rightly say it another way: (language, English).
OTHER_WORDS: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def texts():
    """What the sources hold."""
    return translations.found()


@pytest.fixture(scope="module")
def sources():
    return {path: ast.parse(path.read_bytes()) for path in translations.python_sources()}


@pytest.fixture
def english():
    with translation.override(ENGLISH):
        yield


def place(path):
    return path.relative_to(translations.PACKAGE.parent)


# -- the catalogues ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(language, texts):
    """Nothing missing, fuzzy, obsolete or out of date; placeholders, HTML tags and white space at the ends agree."""
    assert list(translations.problems(language, texts)) == []


def test_every_text_can_be_translated(texts):
    assert list(translations.bad_texts(texts)) == []


def test_the_languages_are_those_of_the_settings():
    assert sorted(code for code, _name in settings.LANGUAGES) == sorted(ALL)
    assert translations.LOCALE in settings.LOCALE_PATHS


@pytest.mark.parametrize("language", TRANSLATED)
def test_django_reads_what_was_translated(language):
    path = translations.path_of(language).with_suffix(".mo")
    assert path.exists(), "the translations are not compiled: run 'make'"
    assert path.read_bytes() == translations.compiled(language), "a .po is newer than its .mo: run 'make'"


def test_extraction_misses_no_call(sources, texts):
    """Babel reads tokens and knows nothing of f-strings and the like; the syntax tree knows every call."""
    known = {text for text, _context in translations.texts_of(texts)}
    missed = []
    for path, tree in sources.items():
        for call, function in gettext_calls(tree):
            first = call.args[1 if function.startswith(("pgettext", "npgettext")) else 0]
            if isinstance(first, ast.Constant) and first.value not in known:
                missed.append(f"{place(path)}:{call.lineno}: {first.value!r}")
    assert missed == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("", "without translation"),
        ("%(number)s karren", "placeholders"),
        ("Alleen %(count)s <b>karren</b>", "other HTML tags"),
        ("%(count)s karren ", "other white space"),
    ],
)
def test_the_check_sees_a_bad_translation(damage, complaint, monkeypatch):
    """Protection off, test red: what the checks above promise is really found."""
    texts, damaged = translations.Catalog(), translations.Catalog(locale="nl")
    texts.add("%(count)s hauls", locations=[("a.py", 0)])
    damaged.add("%(count)s hauls", damage, locations=[("a.py", 0)])
    monkeypatch.setattr(translations, "read", lambda language: damaged)
    assert any(complaint in problem for problem in translations.problems("nl", texts))


# -- the words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_words_merchants_know_are_used(language):
    known = {text: message for (text, context), message in catalogue(language).items() if context is None}
    column = GLOSSARY_LANGUAGES.index(language)
    for english_word, words in GLOSSARY.items():
        if english_word in known:
            assert translations.strings_of(known[english_word])[0] == words[column]


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_words_merchants_know_are_used_in_sentences(language):
    column = GLOSSARY_LANGUAGES.index(language)
    strange = []
    for (text, _context), message in catalogue(language).items():
        for english_word, stems in STEMS.items():
            said = re.sub(r"%\(\w+\)s", "", text)
            if not re.search(english_word, said, re.IGNORECASE) or (language, text) in OTHER_WORDS:
                continue
            strange += [
                f"{text!r} -> {string!r} (no '{stems[column]}')"
                for string in translations.strings_of(message)
                if not re.search(stems[column], string, re.IGNORECASE)
            ]
    assert strange == []


def test_the_most_important_words_are_there(texts):
    known = {text for text, _context in translations.texts_of(texts)}
    assert {"Shopping carts", "Customers", "Orders", "View", "Cart summary", "Carts", "Delete"} <= known


@pytest.mark.parametrize("language", TRANSLATED)
def test_sentences_end_alike(language):
    """A question stays a question, a sentence a sentence, a label a label."""
    different = []
    for message in catalogue(language).values():
        for one, other in translations.pairs_of(language, message):
            if ending(one) != ending(other) and not other.endswith("MwSt."):  # German shortens "tax"
                different.append(f"{one!r} -> {other!r}")
    assert different == []


def ending(text):
    return text[-1] if text and text[-1] in ".?!:…" else ""


def catalogue(language):
    """What is translated; what is not, an earlier test tells."""
    texts = translations.texts_of(translations.read(language))
    return {key: message for key, message in texts.items() if translations.is_translated(message)}


# -- what a reader sees --------------------------------------------------------------------------------------


def render(source, **context):
    return Template(source).render(Context(context))


def test_every_language_differs():
    shown = {}
    for language in ALL:
        with translation.override(language):
            shown[language] = render('{% translate "Shopping carts" %}|{% translate "Abandoned cart" %}')
    assert len(set(shown.values())) == len(ALL), shown
    assert shown["en"] == "Shopping carts|Abandoned cart"


@pytest.mark.django_db
def test_the_sign_in_page_differs_in_every_language(client):
    pages = {}
    for language in ALL:
        page = client.get("/backoffice/account/login/", headers={"accept-language": language})
        assert page.status_code == 200
        assert f'lang="{language}"' in page.text
        pages[language] = set(re.findall(r"<label[^>]*>\s*(.*?)\s*</label>", page.text, re.DOTALL))
    assert len({frozenset(labels) for labels in pages.values()}) == len(ALL), pages


def test_a_missing_text_falls_back_to_english():
    """Django falls back to the catalogue of LANGUAGE_CODE. Were that 'it', a gap in Dutch would be Italian."""
    assert settings.LANGUAGE_CODE == ENGLISH
    unknown = "Nobody has translated this."
    for language in ALL:
        with translation.override(language):
            assert gettext(unknown) == unknown


def test_the_fallback_is_not_another_language(settings):
    """The trap itself: with LANGUAGE_CODE 'it', a word only Italian has would show up in a Dutch page."""
    from django.utils.translation import trans_real

    def dutch_for(default):
        settings.LANGUAGE_CODE = default
        trans_real._translations.clear()
        trans_real.translation("it")._catalog._catalogs[0]["Only in Italian"] = "Solo in italiano"
        return trans_real.translation("nl").gettext("Only in Italian")

    try:
        assert dutch_for("it") == "Solo in italiano"
        assert dutch_for("en") == "Only in Italian"
    finally:
        trans_real._translations.clear()


@pytest.mark.parametrize(("language", "zero_is_one"), [(code, code == "fr") for code in ALL])
def test_plurals_follow_the_language(language, zero_is_one):
    one, many = "%(count)s cart", "%(count)s carts"
    with translation.override(language):
        said = [ngettext(one, many, count) for count in (0, 1, 2, 1_000_000)]
    assert said[1] != said[2]
    assert said[0] == (said[1] if zero_is_one else said[2])
    assert said[3] == said[2]


# -- nothing visible that is not a text to translate: Python ---------------------------------------------------

GETTEXT = set(translations.KEYWORDS)
MESSAGE_LEVELS = {"success", "info", "warning", "error"}
VISIBLE_ARGUMENTS = {"label", "help_text", "verbose_name", "verbose_name_plural", "empty_label"}


def gettext_calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in GETTEXT:
                yield node, name


def is_words(node):
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and any(c.isalpha() for c in node.value)
    )


def test_no_text_is_put_together_before_it_is_looked_up(sources):
    """gettext(f"…"), gettext("…" + x), gettext("…" % x): no catalogue has such a text."""
    wrong = [
        f"{place(path)}:{call.lineno}"
        for path, tree in sources.items()
        for call, _function in gettext_calls(tree)
        if any(isinstance(argument, ast.JoinedStr | ast.BinOp | ast.Call) for argument in call.args[:2])
    ]
    assert wrong == []


def test_no_visible_text_of_python_is_hard_coded(sources):
    wrong = [
        f"{place(path)}:{line}: {what}"
        for path, tree in sources.items()
        for node in ast.walk(tree)
        for line, what in hard_coded(node)
    ]
    assert wrong == []


def hard_coded(node):
    """(line, what) of the texts this node would show as they are."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="messages"), attr=level), args=[_, text, *_]):
            if level in MESSAGE_LEVELS and is_words(text):
                yield node.lineno, f"messages.{level}"
        case ast.ClassDef(bases=[ast.Attribute(attr="TextChoices" | "IntegerChoices"), *_]):
            for item in node.body:
                match item:
                    case ast.Assign(value=ast.Tuple(elts=[_, label])) if is_words(label) and not is_same(label):
                        yield item.lineno, f"a choice of {node.name}"
        case ast.Assign(targets=[ast.Name(id="sentence")], value=text) if is_words(text):
            yield node.lineno, "the sentence of an error"
    if isinstance(node, ast.Call):
        for argument in node.keywords:
            if argument.arg in VISIBLE_ARGUMENTS and is_words(argument.value) and is_of_a_form(node):
                yield argument.value.lineno, argument.arg


def is_same(node):
    return isinstance(node, ast.Constant) and node.value in SAME_EVERYWHERE


def is_of_a_form(call):
    """A field of a form. Those of models have help texts for us, and no form is made from a model."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="forms"), attr=name) | ast.Name(id=name):
            return name.endswith("Field")
    return False


# -- nothing visible that is not a text to translate: templates -------------------------------------------------

# The same in all six languages.
SAME_EVERYWHERE = {"Ghostcart", "CSV", "XLSX", "API", "ID", "SKU", "JSON", "IBAN", "XX00 0000 0000 0000 0000"}
VISIBLE_ATTRIBUTES = {"title", "alt", "placeholder", "aria-label", "aria-description", "label", "summary"}
NOT_READ = {"script", "style", "code", "kbd"}
# Their strings are names of templates, addresses and files, or are compared.
TAGS_OF_NAMES = ("translate", "trans", "extends", "load", "url", "static", "asset", "if", "elif", "block", "comment")

TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
TRANSLATED_BLOCK = re.compile(r"\{%\s*blocktrans(?:late)?\b.*?\{%\s*endblocktrans(?:late)?\s*%\}", re.DOTALL)
COMMENT_BLOCK = re.compile(r"\{%\s*comment\b.*?\{%\s*endcomment\s*%\}", re.DOTALL)
# It is the value of an attribute of another template.
CLASS_BLOCK = re.compile(r"\{%\s*block\s+\w*_class\s*%\}[^{]*\{%\s*endblock\s*\w*\s*%\}")
STRING = re.compile(r'(_\()?("[^"]*"|\'[^\']*\')')
WORDS = re.compile(r"^[A-Z]?[^\W\d_]+ .*[^\W\d_]|^[A-Z][a-z]+", re.DOTALL)


def blank(match):
    """Line breaks stay, so that lines keep their numbers."""
    return "\n" * match.group().count("\n")


class Reader(html.parser.HTMLParser):
    """Collects what a person would see or hear of a page without its Django tags."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.silent = 0

    def handle_starttag(self, tag, attributes):
        self.silent += tag in NOT_READ
        values = dict(attributes)
        visible = set(VISIBLE_ATTRIBUTES)
        if tag == "input" and values.get("type") in ("submit", "button", "reset"):
            visible.add("value")
        if tag == "meta" and values.get("name") == "description":
            visible.add("content")
        for name in visible & values.keys():
            self.note(values[name] or "", f"{name} of <{tag}>")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        self.silent -= tag in NOT_READ and self.silent > 0

    def handle_data(self, data):
        if not self.silent:
            self.note(data, "text")

    def note(self, text, what):
        words = re.sub(r"\s+", " ", text).strip(" \n–—·:/|()[]%#+-×→←.,")
        if any(letter.isalpha() for letter in words) and words not in SAME_EVERYWHERE:
            self.found.append((self.getpos()[0], what, words))


def untranslated(source):
    """(line, what, text) of everything visible in a template that no translator will see."""
    bare = CLASS_BLOCK.sub(blank, COMMENT_BLOCK.sub(blank, source))
    yield from strings_in_tags(bare)
    reader = Reader()
    reader.feed(TAG.sub(blank, TRANSLATED_BLOCK.sub(blank, bare)))
    reader.close()
    yield from reader.found


def strings_in_tags(source):
    """`{% include "x.html" with title="Hello you" %}`, `{{ name|default:"Nobody" }}`: words given as they are."""
    for tag in TAG.finditer(source):
        inside = tag.group()[2:-2].strip()
        if tag.group().startswith("{#") or inside.split(" ")[0] in TAGS_OF_NAMES:
            continue
        for marked, string in STRING.findall(inside):
            if not marked and WORDS.search(string[1:-1]) and not re.search(r"^[\w/.-]+\.html$", string[1:-1]):
                yield source.count("\n", 0, tag.start()) + 1, "a string in a tag", string


def test_no_visible_text_of_a_template_is_hard_coded():
    wrong = [
        f"{place(path)}:{line}: {what}: {text}"
        for path in translations.template_sources()
        for line, what, text in untranslated(path.read_text())
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello</p>",
        '<input type="submit" value="Send">',
        '<img src="x" alt="A cart">',
        '<button aria-label="Close">×</button>',
        '{% include "x.html" with title="No carts yet" %}',
        '{{ name|default:"Nobody" }}',
        '{% if x %}<b>{% translate "Yes" %}</b> but{% endif %}',
    ],
)
def test_hard_coded_text_is_seen(source):
    assert list(untranslated(source))


@pytest.mark.parametrize(
    "source",
    [
        '<p>{% translate "Hello" %}</p>',
        "<p>{% blocktranslate count n=n trimmed %}One <b>cart</b>{% plural %}{{ n }} carts{% endblocktranslate %}</p>",
        '<a title="{{ name }}" href="{% url "backoffice:cart" 1 %}">{{ name }} · #{{ id }}</a>',
        '{% include "backoffice/_empty.html" with title=_("No carts yet") %}',
        "{# A remark #}{% comment %}Another{% endcomment %}Ghostcart",
        '<script type="application/json">{"not": "read"}</script>',
        '{% if status == "Open" %}{% icon "eye" %}{% endif %}',
    ],
)
def test_translated_text_is_left_alone(source):
    assert list(untranslated(source)) == []
