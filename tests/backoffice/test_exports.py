"""Exports: the whole filtered list as a file, written by the worker, and safe to open in a spreadsheet."""

import csv
import io
import zipfile
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from ghostcart.backoffice import exports
from ghostcart.backoffice.models import Export, Role
from ghostcart.carts.models import Cart
from ghostcart.lib import clock
from tests import factories
from tests.backoffice.cast import cart, manager, signed_in
from tests.factories import NOON

pytestmark = pytest.mark.django_db
EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "Ada;=1+1", "Ada\n=1", "＝1"]


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORTS_ROOT = tmp_path / "exports"
    return settings.EXPORTS_ROOT


def ask(shops, format="csv", query="", language="en"):
    user = factories.staff(Role.MANAGER, *shops)
    ids = [shop.pk for shop in shops]
    return exports.ask(user, page="carts", query=query, shop_ids=ids, format=format, language=language, now=NOON)


def written(export):
    """The rows of the file, the header first."""
    assert exports.write_next(NOON)
    export.refresh_from_db()
    assert export.finished_at
    assert not export.error
    content = exports.path_of(export).read_bytes()
    if export.format == "csv":
        assert content.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return sheet(content)


def sheet(content):
    """The cells of an XLSX file, which must hold no formula."""
    names = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    xml = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
    root = ElementTree.fromstring(xml)
    assert not list(root.iter(f"{names}f"))
    rows = []
    for row in root.iter(f"{names}row"):
        cells = {cell.get("r").rstrip("0123456789"): "".join(cell.itertext()) for cell in row}
        rows.append([cells.get(column, "") for column in "ABCDEFGHIJKLMN"])
    return rows


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_the_whole_list_in_the_order_of_its_numbers(format, monkeypatch):
    monkeypatch.setattr(exports, "BATCH", 4)
    shops = [factories.shop(), factories.shop()]
    person = factories.customer(shops[0])
    for number in range(11):
        cart(shops[number % 2], total=1234, label="Zoë", customer=person if number % 2 == 0 else None)
    cart(factories.shop())
    cart(shops[0], deleted_at=NOON)
    export = ask(shops, format)
    rows = written(export)
    assert len(rows) == 12
    assert rows[0][0] == "ID"
    assert rows[0][3] == "Status"
    expected = Cart.objects.filter(shop__in=shops, deleted_at=None).order_by("-pk")
    assert [int(row[0]) for row in rows[1:]] == [made.pk for made in expected]
    assert rows[1][3] == "Open"
    assert rows[1][4] == "Zoë"
    assert float(rows[1][7]) == 12.34
    assert (export.rows_done, export.rows_total) == (11, 11)
    assert not exports.write_next(NOON)
    assert [path.name for path in exports.settings.EXPORTS_ROOT.iterdir()] == [f"{export.token}.{format}"]


def test_the_filters_of_the_list_hold_and_the_status_is_of_the_moment_it_was_asked():
    shop = factories.shop()
    made = cart(shop, line_count=1, abandon_after=NOON)
    cart(shop, line_count=1, abandon_after=NOON + timedelta(seconds=1))
    rows = written(ask([shop], query="status=abandoned&sort=-total"))
    assert [row[0] for row in rows[1:]] == [str(made.pk)]
    assert rows[1][3] == "Abandoned"


def test_times_are_the_shop_s_and_amounts_have_the_currency_s_decimals():
    shop = factories.shop(time_zone="Asia/Tokyo", currencies=["JPY"])
    cart(shop, total=1234, currency="JPY")
    cart(shop, total=1234, currency="KWD")
    rows = written(ask([shop]))
    assert [row[7] for row in rows[1:]] == ["1.234", "1234"]
    assert rows[1][10] == "2026-11-22 21:00:00"


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_no_cell_is_a_formula(format):
    shop = factories.shop()
    for text in EVIL:
        cart(shop, label=text, shipping_name=text)
    rows = written(ask([shop], format))
    if format == "csv":
        for row in rows[1:]:
            for cell in (row[4], row[9]):
                assert cell.startswith("'") or cell.startswith("Ada")
                assert not any(part[:1] in "=+-@" for part in cell.replace("\n", ";").split(";") if part)
    else:
        assert sorted(row[4].replace("_x000D_", "\r") for row in rows[1:]) == sorted(EVIL)


@given(st.text())
def test_a_harmless_text_begins_like_no_formula_and_is_otherwise_the_same(text):
    safe = exports.harmless(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe.replace("'", "") == text.replace("'", "")


def test_a_broken_record_is_a_row_like_any_other():
    shop = factories.shop()
    cart(shop, currency="XXQ", total=100, label="\U0001f600 ok", bot_reasons=[None])
    for format in ("csv", "xlsx"):
        assert len(written(ask([shop], format))) == 2


def test_an_export_that_fails_says_so(monkeypatch):
    export = ask([factories.shop()])
    monkeypatch.setattr(exports.CartSheet, "header", lambda self: 1 / 0)
    assert exports.write_next(NOON)
    export.refresh_from_db()
    assert export.error
    assert export.finished_at
    assert "The export failed" in page_of(export).text
    assert not list(exports.settings.EXPORTS_ROOT.glob("*"))


def page_of(export):
    from django.test import Client

    client = Client()
    client.force_login(export.user)
    return client.get(reverse("backoffice:export", args=[export.token]))


# -- crashes and two workers -------------------------------------------------------------------------


def test_a_crash_in_the_middle_is_taken_up_again_after_two_minutes(monkeypatch):
    shop = factories.shop()
    for _ in range(3):
        cart(shop)
    export = ask([shop])

    def crash(*_):
        raise SystemExit  # as a killed worker leaves it: nothing tidied up

    with monkeypatch.context() as patch:
        patch.setattr(exports.CsvWriter, "close", crash)
        patch.setattr(clock, "now", lambda: NOON)
        with pytest.raises(SystemExit):
            exports.write_next(NOON)
    assert list(exports.settings.EXPORTS_ROOT.glob("*.part"))
    assert not exports.write_next(NOON + timedelta(minutes=2))
    assert exports.write_next(NOON + timedelta(minutes=2, seconds=1))
    export.refresh_from_db()
    assert export.finished_at
    assert export.rows_done == 3
    assert not list(exports.settings.EXPORTS_ROOT.glob("*.part"))


def test_who_lost_the_claim_stops_and_spoils_nothing(monkeypatch):
    shop = factories.shop()
    cart(shop)
    export = ask([shop])
    batches = exports.CartSheet.batches

    def slow(self):
        for batch in batches(self):
            Export.objects.update(claimed_at=NOON + timedelta(hours=1))  # another worker took it over
            yield batch

    monkeypatch.setattr(exports.CartSheet, "batches", slow)
    assert exports.write_next(NOON)
    export.refresh_from_db()
    assert export.finished_at is None
    assert not export.error
    assert not exports.path_of(export).exists()


def test_two_workers_never_claim_the_same(monkeypatch):
    ask([factories.shop()])
    first = exports._claim(NOON)
    assert first is not None
    assert exports._claim(NOON) is None


def test_old_exports_go_with_their_files():
    export = ask([factories.shop()])
    written(export)
    assert exports.remove_old(NOON + timedelta(days=7)) == 0
    assert exports.remove_old(NOON + timedelta(days=7, seconds=1)) == 1
    assert not exports.path_of(export).exists()
    assert not Export.objects.exists()


# -- pages -------------------------------------------------------------------------------------------


def test_asking_watching_and_fetching():
    shop = factories.shop()
    cart(shop)
    client = manager(shop)
    answer = client.post(
        reverse("backoffice:export-create"), {"page": "carts", "query": "status=open", "format": "xlsx"}
    )
    page = client.get(answer.url)
    assert "The file is being written" in page.text
    assert "hx-get" in page.text
    exports.write_next(NOON)
    progress = client.get(f"{answer.url}progress/")
    assert f"/api/v1/exports/{Export.objects.get().token}" in progress.text
    assert "hx-get" not in progress.text


@pytest.mark.parametrize(("page", "name"), [("carts", "cart-list"), ("report", "report"), ("ledger", "ledger")])
def test_from_an_export_one_goes_back_to_where_it_was_asked_for(page, name):
    shop = factories.shop()
    client = manager(shop)
    client.post(reverse("backoffice:export-create"), {"page": page, "format": "csv"})
    export = Export.objects.get()
    Export.objects.update(finished_at=NOON)
    shown = client.get(reverse("backoffice:export", args=[export.token])).text
    assert shown.partition("<main")[2].count(f'href="{reverse(f"backoffice:{name}")}"') == 2


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"page": "staff", "format": "csv"},
        {"page": "carts", "format": "exe"},
        {"page": "carts", "format": "csv", "query": "x" * 3000},
    ],
)
def test_what_cannot_be_exported_is_refused(data):
    manager(factories.shop()).post(reverse("backoffice:export-create"), data)
    assert not Export.objects.exists()


def test_nobody_sees_another_s_export_and_agents_make_none():
    shop = factories.shop()
    export = ask([shop])
    assert manager(shop).get(reverse("backoffice:export", args=[export.token])).status_code == 404
    agent = signed_in(Role.AGENT, shop)
    assert agent.post(reverse("backoffice:export-create"), {"page": "carts", "format": "csv"}).status_code == 403


def test_the_page_of_an_export_goes_with_the_role():
    shop = factories.shop()
    client = manager(shop)
    client.post(reverse("backoffice:export-create"), {"page": "carts", "format": "csv"})
    page = reverse("backoffice:export", args=[Export.objects.get().token])
    assert client.get(page).status_code == 200
    Export.objects.update(shop_ids=[shop.pk, factories.shop().pk])
    assert client.get(page).status_code == 404


def test_an_export_holds_only_the_shops_that_one_manages():
    mine, looked_at = factories.shop(), factories.shop()
    user = factories.staff(Role.MANAGER, mine)
    user.memberships.create(shop=looked_at, role=Role.VIEWER)
    from django.test import Client

    client = Client()
    client.force_login(user)
    client.post(reverse("backoffice:export-create"), {"page": "carts", "format": "csv", "query": ""})
    assert Export.objects.get().shop_ids == [mine.pk]
