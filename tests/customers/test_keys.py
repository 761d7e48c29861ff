"""Addresses and names made comparable."""

import pytest

from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import email_key, fold, tidy


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada@example.com \n", "ada@example.com"),
        ("ada.b+shop@example.com", "ada.b+shop@example.com"),
        ("ada@BÜCHER.de", "ada@xn--bcher-kva.de"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
    ],
)
def test_the_same_mailbox_has_one_key(typed, key):
    assert email_key(typed) == key


@pytest.mark.parametrize(
    "typed", ["", "ada", "@example.com", "ada@", "a b@example.com", "ada@exa mple.com", "ada@localhost\x00.com",
              "\u212aate@example.com", "ada@" + "x" * 300 + ".com", "ada@-bad-.com", "ada@a..b"],
)  # fmt: skip
def test_what_is_no_address_is_refused(typed):
    with pytest.raises(BadAddress):
        email_key(typed)


def test_texts_are_folded_for_searching():
    assert fold("  Ångström  ŁÓDŹ\tSTRASSE Øre ") == "angstrom lodz strasse ore"
    assert fold("Straße") == "strasse"


def test_tidy_leaves_one_printable_line():
    assert tidy(" Ada\x00\n\tByron\ud800 ", 20) == "Ada Byron"
    assert tidy("x" * 50, 10) == "x" * 10
