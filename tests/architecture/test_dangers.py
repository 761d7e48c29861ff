"""What others were broken into by, searched for in the sources: each such place is a decision, listed here.

A place that a test reports is either not needed, or looked at by two people and added to the list of the test.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from re import _constants as regular
from re import _parser as expressions

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import FileField

Search = Callable[[ast.AST], bool]


@cache
def python(repository: Path) -> list[tuple[str, ast.AST]]:
    """(name, syntax tree) of each source file."""
    folder = repository / "ghostcart"
    files = [file for file in sorted(folder.rglob("*.py")) if "migrations" not in file.parts]
    return [(str(file.relative_to(folder)), ast.parse(file.read_text())) for file in files]


def places(repository: Path, search: Search) -> set[str]:
    """The files in which it finds something."""
    return {name for name, tree in python(repository) if finds(tree, search)}


def finds(tree: ast.AST, search: Search) -> list[str]:
    return [ast.unparse(node)[:80] for node in ast.walk(tree) if search(node)]


def imports(*modules: str) -> Search:
    def search(node: ast.AST) -> bool:
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{one.name}" for one in node.names)]
        return any(name == module or name.startswith(f"{module}.") for name in names for module in modules)

    return search


def called(node: ast.AST) -> str:
    """The last word of what is called."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", "") or getattr(function, "id", "")


def either(*searches: Search) -> Search:
    return lambda node: any(search(node) for search in searches)


# -- secrets -----------------------------------------------------------------------------------------

foreseeable = either(
    imports("random", "hashlib.md5", "hashlib.sha1"), lambda node: called(node) in ("uuid1", "md5", "sha1")
)
CHANCE = {
    "client/wire.py",  # when to try again
    "connectors/way_back.py",  # PrestaShop's own link, which is made so; only where the shop switched it on
    "connectors/webhooks/sending.py",  # when to try again
    "mail/claiming.py",  # when to try again
}


def test_no_secret_is_made_by_chance_that_can_be_foreseen(repository):
    assert {name for name in places(repository, foreseeable) if not name.startswith("config/demo/")} == CHANCE


# -- code, and the database --------------------------------------------------------------------------

code = either(
    imports("pickle", "marshal", "shelve", "dill", "yaml"),
    lambda node: isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"),
    lambda node: isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.system", "os.popen"),
    lambda node: isinstance(node, ast.keyword) and node.arg == "shell",
)


def test_nothing_that_comes_in_is_run_as_code(repository):
    assert places(repository, code) == set()


def put_together(node: ast.AST) -> bool:
    """A statement of which a part is filled in as text."""
    if called(node) in ("raw", "extra", "RawSQL"):
        return True
    first = node.args[0] if isinstance(node, ast.Call) and node.args and called(node).startswith("execute") else None
    return isinstance(first, ast.JoinedStr | ast.BinOp) or called(first) == "format"


STATEMENTS = {
    "carts/log.py",  # the name of a part of the log, from the catalogue of the database
    "config/moving.py",  # the names of tables and columns, from the catalogue of the database
    "connectors/prestashop/database.py",  # limits, which are ours
    "connectors/prestashop/voucher_desk.py",  # names of tables, which are ours
    "lib/database_file.py",  # the names of tables, from the catalogue of the database
    "lib/paging.py",  # a statement that Django made, with its values apart
    "lib/partitions.py",  # names of tables and moments, which are ours
    "lib/sql.py",  # a number of seconds, the name of a table of ours
    "lib/trigrams.py",  # the name of an index of ours
    "live/follower.py",  # the name of a channel of ours
}


def test_sql_is_put_together_in_reviewed_places_only(repository):
    assert places(repository, put_together) == STATEMENTS


def spread(node: ast.AST) -> bool:
    """Names that were worked out go where names of columns are expected."""
    asks = ("filter", "exclude", "get", "annotate", "aggregate", "order_by", "values", "alias")
    is_asking = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args
    is_asking = (is_asking and called(node) in asks) or called(node) == "Q"
    return is_asking and any(keyword.arg is None for keyword in node.keywords)


COLUMNS = {
    "carts/models.py",  # one index for each of three columns
    "catalog/intake.py",  # where a variant belongs
    "connectors/tracker.py",  # where a cart belongs
    "connectors/webhooks/queries.py",  # two filters of deliveries
    "lib/paging.py",  # one of two comparisons
    "mail/links.py",  # whose links are called back
    "orders/intake.py",  # the sums of an order
    "orders/queries.py",  # three filters of the same name as their columns
    "recovery/grants.py",  # two ways to a cart
    "recovery/ledger.py",  # two moments of an order
    "recovery/looking.py",  # two moments
}


def test_no_word_from_outside_becomes_the_name_of_a_column(repository):
    assert places(repository, spread) == COLUMNS


# -- markup ------------------------------------------------------------------------------------------

trusted = either(lambda node: called(node) in ("mark_safe", "SafeString"), imports("markupsafe"))
MARKUP = {
    "backoffice/cart_row.py",  # pieces without a word of a shopper; the rest goes through format_html
    "lib/template_tags.py",  # an address whose values were quoted
}
LEFT_AS_IT_IS = re.compile(r"\|\s*(?:safe|safeseq)\b|autoescape off")
TEMPLATES = {
    "backoffice/templates/backoffice/_field.html",  # help texts, which are ours
    "backoffice/templates/backoffice/mail_look.html",  # the drawn letter, alone in a frame that may do nothing
}
WRITTEN = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
SCRIPTS = {
    "carts.js",  # what our own templates drew
    "live.js",  # what our own templates drew
}


def test_text_becomes_markup_in_reviewed_places_only(repository):
    assert places(repository, trusted) == MARKUP
    for pattern, folder, ending, known in (
        (LEFT_AS_IT_IS, "ghostcart", "html", TEMPLATES),
        (WRITTEN, "assets/src", "js", SCRIPTS),
    ):
        files = (repository / folder).rglob(f"*.{ending}")
        found = {str(file.relative_to(repository / folder)) for file in files if pattern.search(file.read_text())}
        assert found == known


# -- other hosts, and other forms --------------------------------------------------------------------

calls = imports("httpx", "httpcore", "requests", "urllib3", "aiohttp", "urllib.request", "http.client", "ftplib")
DOORS = {
    "client/api.py",  # a program of the merchant's own
    "client/events.py",
    "client/wire.py",
    "config/demo/server.py",  # the demo's shoppers
    "lib/outbound.py",  # whatever somebody typed in: to public addresses alone
    "mail/providers.py",  # the mail provider that the operator set
}


def test_calls_to_other_hosts_leave_by_reviewed_doors_only(repository):
    assert places(repository, calls) == DOORS


xml = imports("xml", "lxml", "xmltodict", "defusedxml")


def test_xml_is_read_in_one_place(repository):
    """There a text that declares anything of its own is refused: see its tests."""
    assert places(repository, xml) == {"connectors/prestashop/webservice.py"}


def test_sessions_are_kept_as_json():
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
    assert settings.SESSION_ENGINE == "django.contrib.sessions.backends.db"


# -- expressions -------------------------------------------------------------------------------------

ENDLESS = regular.MAXREPEAT


def repeats_a_repetition(pattern: expressions.SubPattern, is_within: bool = False) -> bool:
    """Something without an end within something without an end: (a+)+ tries all ways to part a text in two, three..."""
    for operation, argument in pattern:
        inner, is_endless = [], False
        if operation in (regular.MAX_REPEAT, regular.MIN_REPEAT):
            _least, most, body = argument
            inner, is_endless = [body], most == ENDLESS
            if is_endless and is_within:
                return True
        elif operation is regular.SUBPATTERN:
            inner = [argument[-1]]
        elif operation is regular.BRANCH:
            inner = argument[1]
        elif operation in (regular.ASSERT, regular.ASSERT_NOT):
            inner = [argument[1]]
        if any(repeats_a_repetition(one, is_within or is_endless) for one in inner):
            return True
    return False


def takes_for_ever(text: str | bytes) -> bool:
    return repeats_a_repetition(expressions.parse(text))


def expressions_in(tree: ast.AST) -> Iterator[str | bytes]:
    """What is written out after `re.`, and the patterns of fields."""
    names = ("compile", "match", "search", "sub", "fullmatch", "findall", "split", "finditer", "subn")
    for node in ast.walk(tree):
        first = None
        if isinstance(node, ast.Call) and called(node) in names and ast.unparse(node.func).startswith("re."):
            first = node.args[0]
        elif isinstance(node, ast.keyword) and node.arg == "pattern":
            first = node.value
        if isinstance(first, ast.Constant) and isinstance(first.value, str | bytes):
            yield first.value


def test_no_expression_takes_for_ever_over_a_long_text(repository):
    found = [(name, text) for name, tree in python(repository) for text in expressions_in(tree)]
    assert len(found) > 40
    assert [one for one in found if takes_for_ever(one[1])] == []


# -- what tables keep --------------------------------------------------------------------------------

CARD = re.compile(
    r"card_?(?:number|token|hash)|^card$|iban|\bbic\b|cvv|cvc|bank_account|account_number|\bpan\b|expiry_month"
)


def test_no_column_could_keep_a_card_or_a_bank_account():
    columns = {f"{model._meta.label}.{one.name}" for model in apps.get_models() for one in model._meta.concrete_fields}
    assert len(columns) > 300
    assert {name for name in columns if CARD.search(name.rpartition(".")[2])} == set()


def test_no_table_keeps_a_file_that_somebody_sent():
    """One form takes a file, a list of addresses, and keeps its lines."""
    fields = [one for model in apps.get_models() for one in model._meta.concrete_fields]
    assert [one for one in fields if isinstance(one, FileField)] == []


# -- the guard ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "text"),
    [
        (foreseeable, "import random"),
        (foreseeable, "from random import choice"),
        (foreseeable, "import hashlib\nhashlib.md5(b'')"),
        (foreseeable, "uuid.uuid1()"),
        (code, "import pickle"),
        (code, "eval(text)"),
        (code, "subprocess.run(text, shell=True)"),
        (put_together, "cursor.execute(f'SELECT {word}')"),
        (put_together, "cursor.execute('SELECT %s' % word)"),
        (put_together, "cursor.execute('SELECT ' + word)"),
        (put_together, "cursor.execute('SELECT {}'.format(word))"),
        (put_together, "Cart.objects.raw(word)"),
        (spread, "Cart.objects.filter(**request.GET)"),
        (spread, "Q(**given)"),
        (trusted, "mark_safe(name)"),
        (calls, "import httpx"),
        (calls, "from urllib.request import urlopen"),
        (xml, "from xml.dom import minidom"),
    ],
)
def test_the_searches_find_what_they_look_for(search, text):
    assert finds(ast.parse(text), search)
    assert not finds(ast.parse("Cart.objects.filter(pk=1).update(**changes)\ncursor.execute(text, values)"), search)


@pytest.mark.parametrize("text", [r"(a+)+$", r"([a-z]+\.?)*@", r"(?:x|(y*)z)+", r"^(\d+|\s*)*$"])
def test_an_expression_that_takes_for_ever_would_be_found(text):
    assert takes_for_ever(text)
    (found,) = expressions_in(ast.parse(f"X = re.compile({text!r})"))
    assert found == text


def test_columns_and_templates_that_must_not_be_would_be_found():
    assert all(CARD.search(name) for name in ("card_number", "iban", "cvc", "bank_account"))
    assert not any(CARD.search(name) for name in ("cart", "cart_id", "discard", "payment"))
    assert LEFT_AS_IT_IS.search("{{ name | safe }}")
    assert WRITTEN.search("row.innerHTML = name")
