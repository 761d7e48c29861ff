"""The list of addresses that must not be written to: what is on it, and the list as a file."""

import csv
import io
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostcart.customers import keys
from ghostcart.customers.errors import BadAddress
from ghostcart.lib.cells import harmless, is_formula
from ghostcart.mail import suppression
from ghostcart.mail.errors import BadFile, ErasedStays, FileTooLong
from ghostcart.mail.models import Message, State, Suppression
from ghostcart.mail.suppression import export_rows, import_csv, lift, suppress, suppressed
from tests import factories
from tests.factories import NOON
from tests.mail import post

pytestmark = pytest.mark.django_db
ADA = keys.address_hash("ada@example.com")


def put(shop, address="ada@example.com", **more):
    return suppress(shop.pk, address, **{"reason": "unsubscribed", "source": "link", "now": NOON} | more)


def listed(shop):
    return set(Suppression.objects.filter(shop=shop).values_list("address", "scope"))


def load(shop, text, actor="staff:7"):
    content = text if isinstance(text, bytes) else text.encode()
    return import_csv(shop.pk, io.BytesIO(content), actor, NOON)


# -- on and off ----------------------------------------------------------------------------------


def test_an_address_is_on_the_list_however_it_is_written(shop):
    assert put(shop, " Ada@EXAMPLE.com ")
    assert not put(shop, "ada@example.com")
    assert suppressed(shop.pk, {ADA}) == {ADA}
    assert suppressed(shop.pk, {keys.address_hash("ada+x@example.com")}) == set(), "another mailbox, perhaps"
    assert suppressed(factories.shop().pk, {ADA}) == set(), "each shop has its own list"


def test_one_kind_of_campaign_can_be_declined(shop):
    put(shop, scope="thanks")
    assert suppressed(shop.pk, {ADA}, "thanks") == {ADA}
    assert suppressed(shop.pk, {ADA}, "abandoned") == set()
    assert suppressed(shop.pk, {ADA}) == set()
    put(shop)
    assert suppressed(shop.pk, {ADA}, "abandoned") == {ADA}


def test_declining_one_kind_cancels_nothing_by_itself(shop):
    message = post.message(shop)
    put(shop, scope="thanks")
    assert post.state(message) == (State.DUE, "")


def test_an_address_comes_off_the_list(shop):
    for scope in ("all", "thanks", "best"):
        put(shop, scope=scope)
    assert lift(shop.pk, "ADA@example.com", scope="thanks") == 1
    assert listed(shop) == {("ada@example.com", "all"), ("ada@example.com", "best")}
    assert lift(shop.pk, "ada@example.com") == 2
    assert lift(shop.pk, "ada@example.com") == 0


def test_suppressing_takes_back_what_was_claimed_and_leaves_what_is_on_its_way_or_about_the_account(shop):
    messages = {state: post.message(shop) for state in State}
    for to, message in messages.items():
        Message.objects.filter(pk=message.pk).update(state=to)
    account, bobs = post.message(shop, kind="account"), post.message(shop, "bob@example.com")
    put(shop, reason="complained")
    for to, message in messages.items():
        is_waiting = to in (State.DUE, State.FAILED_TEMP, State.CLAIMED)
        assert post.state(message) == ((State.CANCELLED, "complained") if is_waiting else (to, ""))
    assert post.state(account) == post.state(bobs) == (State.DUE, "")


def test_what_is_kept_of_an_entry_fits_its_columns(shop):
    put(shop, " ada@example.com ", source="s" * 99)
    kept = Suppression.objects.get()
    assert (kept.address, kept.source, kept.reason, kept.at) == ("ada@example.com", "s" * 60, "unsubscribed", NOON)


def test_one_entry_comes_off_alone_and_what_was_erased_stays(shop):
    for scope in ("all", "thanks"):
        put(shop, scope=scope)
    suppression.lift_entry(Suppression.objects.get(scope="thanks"))
    assert listed(shop) == {("ada@example.com", "all")}
    Suppression.objects.update(address="")
    with pytest.raises(ErasedStays):
        suppression.lift_entry(Suppression.objects.get())
    assert Suppression.objects.exists()
    assert lift(factories.shop().pk, "ada@example.com") == 0


def test_what_is_no_address_is_refused(shop):
    with pytest.raises(BadAddress):
        put(shop, "=cmd|calc")


# -- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com\nbob@example.com\n",
        "email\nada@example.com\nbob@example.com",
        "name;E-Mail;x\r\nAda;ada@example.com;1\r\nBob;bob@example.com;2\r\n",
        "Address\tscope\nada@example.com\tall\nbob@example.com\t\n",
        "\ufeffaddress,scope\nada@example.com,all\n\n,\nbob@example.com,\n",
        '"ada@example.com"\n" bob@example.com "\n',
    ],
)
def test_a_list_in_any_common_form_is_taken(shop, text):
    report = load(shop, text)
    assert (report.added, report.known, report.faults) == (2, 0, [])
    assert listed(shop) == {("ada@example.com", "all"), ("bob@example.com", "all")}
    assert set(Suppression.objects.values_list("reason", "source")) == {("imported", "staff:7")}


def test_faulty_lines_are_told_and_the_others_taken(shop):
    put(shop)
    report = load(
        shop, "address,scope\nada@example.com\nnobody\nbob@example.com\nBOB@example.com\neve@example.com,a b\n"
    )
    assert (report.added, report.known, report.faulty) == (1, 2, 2)
    assert report.faults == [(3, "bad_email"), (6, "bad_scope")]


def test_the_same_list_again_changes_nothing(shop):
    text = "\n".join(f"c{number}@example.com" for number in range(1200))
    assert load(shop, text).added == 1200
    again = load(shop, text)
    assert (again.added, again.known) == (0, 1200)
    assert Suppression.objects.count() == 1200


def test_an_import_takes_back_what_waits(shop):
    message, other = post.message(shop), post.message(shop, "bob@example.com")
    load(shop, "ada@example.com\n")
    assert post.state(message) == (State.CANCELLED, "imported")
    assert post.state(other) == (State.DUE, "")


def test_an_import_for_one_kind_takes_nothing_back(shop):
    message = post.message(shop)
    assert load(shop, "email,scope\nada@example.com,thanks\nada@example.com,best\n").added == 2
    assert post.state(message) == (State.DUE, "")
    assert listed(shop) == {("ada@example.com", "thanks"), ("ada@example.com", "best")}


def test_of_two_spellings_in_a_list_the_first_is_kept(shop):
    report = load(shop, "ada@example.com\nADA@example.com\n")
    assert (report.added, report.known, listed(shop)) == (1, 1, {("ada@example.com", "all")})


def test_a_scope_is_a_word_of_at_most_twenty_letters(shop):
    report = load(shop, f"email,scope\na@example.com,{'s' * 20}\nb@example.com,{'s' * 21}\nc@example.com,1x\n")
    assert (report.added, report.faults) == (1, [(3, "bad_scope"), (4, "bad_scope")])


def test_a_line_with_fewer_cells_than_the_header_is_read_as_far_as_it_goes(shop):
    report = load(shop, "name,email,scope\nAda,ada@example.com\nBob\n,,\nEve,eve@example.com,best\n")
    assert (report.added, report.faults) == (2, [(3, "bad_email")])
    assert listed(shop) == {("ada@example.com", "all"), ("eve@example.com", "best")}


def test_a_list_without_a_header_begins_with_its_first_line(shop):
    assert load(shop, "ada@example.com;thanks\n").added == 1
    assert listed(shop) == {("ada@example.com", "all")}, "without a header nobody says what a second column is"


def test_only_the_first_line_can_be_a_header(shop):
    report = load(shop, "ada@example.com\nemail\nbob@example.com\n")
    assert (report.added, report.faults) == (2, [(2, "bad_email")])


def test_an_apostrophe_that_guards_against_formulas_is_taken_off_and_others_are_not(shop):
    load(shop, "'=1@example.com\n'ada@example.com\n")
    assert {address for address, _scope in listed(shop)} == {"=1@example.com", "'ada@example.com"}


def test_a_list_as_long_as_it_may_be_is_taken(shop, monkeypatch):
    assert suppression.MOST_LINES == 100_000
    monkeypatch.setattr(suppression, "MOST_LINES", 10)
    assert load(shop, "".join(f"c{number}@example.com\n" for number in range(10))).added == 10


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"ada@example.com\n\x80", b'"' + b"a" * 200_000])
def test_what_is_no_list_is_refused_as_a_whole(shop, content):
    with pytest.raises(BadFile):
        load(shop, content)
    assert listed(shop) == set()


def test_a_list_without_end_is_refused(shop, monkeypatch):
    monkeypatch.setattr(suppression, "MOST_LINES", 10)
    with pytest.raises(FileTooLong):
        load(shop, "a@example.com\n" * 11)
    assert listed(shop) == set()


def test_thousands_of_faults_do_not_make_a_page_of_their_own(shop):
    report = load(shop, "nobody\n" * 5000)
    assert (report.faulty, len(report.faults)) == (5000, 200)


def test_an_exported_list_is_imported_elsewhere_as_it_was(shop):
    addresses = ["ada@example.com", "=1+1@example.com", "+39@example.com", "-a@example.com", "o'neil@example.com",
                 "'quoted@example.com"]  # fmt: skip
    for number, address in enumerate(addresses):
        put(shop, address, now=NOON + timedelta(seconds=number))
    put(shop, scope="thanks")
    file = io.StringIO()
    csv.writer(file).writerows(export_rows(shop.pk))
    other = factories.shop()
    assert load(other, file.getvalue()).added == 7
    assert listed(other) == listed(shop)


def test_an_exported_list_tells_all_of_an_entry_oldest_first_and_of_this_shop(shop):
    put(shop, source="staff:7", scope="thanks")
    put(shop, "bob@example.com")
    put(factories.shop(), "eve@example.com")
    header, first, second = export_rows(shop.pk)
    assert header == ("address", "scope", "reason", "source", "at")
    assert first == ("ada@example.com", "thanks", "unsubscribed", "staff:7", "2026-11-22T12:00:00+00:00")
    assert second[0] == "bob@example.com"


def test_no_exported_cell_is_a_formula(shop):
    put(shop, "=cmd@example.com", source="=HYPERLINK(1)")
    assert not any(is_formula(cell) for row in export_rows(shop.pk) for cell in row)


def test_what_was_erased_is_not_exported_and_still_holds_mail_back(shop):
    put(shop)
    Suppression.objects.update(address="")
    assert list(export_rows(shop.pk)) == [suppression.COLUMNS]
    assert suppressed(shop.pk, {ADA}) == {ADA}


@given(st.text())
def test_a_harmless_cell_is_no_formula(text):
    assert not is_formula(harmless(text))


@given(st.binary(max_size=300))
def test_no_file_breaks_the_import(content):
    try:
        rows = list(suppression._read(io.BytesIO(content)))
    except (BadFile, FileTooLong):
        return
    assert all(line >= 1 for line, _address, _scope in rows)
