"""Addresses and names made comparable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import (
    address_hash,
    canonical_email,
    email_key,
    keyed_hash,
    phone_key,
    postal_key,
    searched,
    tidy,
    words,
)
from ghostcart.lib.texts import fold


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


def test_an_address_has_254_characters_and_not_one_more():
    longest = "a" * (254 - len("@example.com")) + "@example.com"
    assert email_key(longest) == longest
    with pytest.raises(BadAddress):
        email_key("a" + longest)


def test_tidy_cuts_before_it_trims():
    assert tidy("Ada Byron", 4) == "Ada"
    assert tidy("Ada", 3) == "Ada"


# -- searching ---------------------------------------------------------------------------------------


def test_a_customer_is_found_by_name_address_and_digits():
    assert searched("Zoë", "Müller", "Zoe@Example.org", "+39 (011) 555") == "zoe muller zoe@example.org 39011555"
    assert searched("Ada", "", "", "0039 011") == "ada 39011"
    assert len(searched("n" * 500, "m" * 500, "")) == 900


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Zoë  MÜLLER", ["zoe", "muller"]),
        ("011 555-12", ["1155512"]),
        ("+39 (011) 555.12/3", ["39011555123"]),
        ("123 456", ["123456"]),
        ("12345 ", ["12345"]),  # too short for a number: five digits are a word
        ("0 1 2 3 4 5", ["0", "1", "2", "3", "4", "5"]),  # nor are five behind the zero
        ("123456 Ada", ["123456", "ada"]),
        ("a\x00da", ["ada"]),
        ("", []),
    ],
)
def test_words_are_asked_for_each_and_a_number_by_its_digits(text, asked):
    assert words(text) == asked


@given(st.text(max_size=40), st.text(max_size=40))
def test_whoever_is_looked_for_by_their_own_name_is_found(first, last):
    assert all(word in searched(first, last, "") for word in fold(f"{first} {last}").split())


# -- the same human ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "country", "key"),
    [
        ("+39 011 5551234", "DE", "390115551234"),
        ("0039 011 5551234", "IT", "390115551234"),
        ("011 5551234", "IT", "390115551234"),
        ("(030) 555-1234", "DE", "49305551234"),
        ("0000000000", "DE", ""),
        ("12345", "DE", ""),
        ("call me", "DE", ""),
        ("030 555 1234", "de", "49305551234"),  # however the country is written
        ("030 555 1234", "XX", "305551234"),  # a country nobody knows
        ("1234567", "XX", ""),
        ("12345678", "XX", "12345678"),
        ("+123456789012345", "", "123456789012345"),
        ("+1234567890123456", "", ""),
        ("+49 30 2111111", "", ""),  # six times the same digit is no number
        ("+49 30 2111112", "", "49302111112"),
        ("+123456789111111", "", ""),
        ("+49 (0)30 2111112", "", "49302111112"),
        ("0044 (0) 20 7946 0018", "IT", "442079460018"),
        ("+39 (0)11 5551234", "", "390115551234"),
        ("(0)30 2111112", "DE", "49302111112"),
        ("  +39 011 5551234", "DE", "390115551234"),
        ("0905 551234", "PT", "351905551234"),
        ("٣٣٣ 0115551234", "IT", "390115551234"),  # digits of other scripts are not dialled
    ],
)
def test_a_number_that_can_be_one_persons_is_kept(typed, country, key):
    assert phone_key(typed, country) == key


HOME = {"street": "Lange Straße 1", "postcode": "10121", "city": "Torino", "country": "IT"}


@pytest.mark.parametrize(
    "typed",
    [
        {"street": "lange str. 1"},
        {"street": "LANGE STRASSE 1"},
        {"postcode": " 10 121"},
        {"city": "TORINO "},
        {"first_name": "Ada", "phone": "1"},
    ],
)
def test_the_same_house_has_one_key_whoever_lives_there(typed):
    assert postal_key(HOME | typed) == postal_key(HOME) == "it|10121|torino|langestr1"


@pytest.mark.parametrize(
    "other", [{"street": "Lange Straße 2"}, {"postcode": "10122"}, {"city": "Roma"}, {"country": "CH"}]
)
def test_another_house_has_another_key(other):
    assert postal_key(HOME | other) not in ("", postal_key(HOME))


@pytest.mark.parametrize("missing", ["street", "postcode"])
def test_half_an_address_is_nobodys(missing):
    assert postal_key({name: text for name, text in HOME.items() if name != missing}) == ""
    assert postal_key(HOME | {missing: " - "}) == ""


def test_an_address_without_town_or_country_is_one():
    assert postal_key({"street": "Via Roma 1", "postcode": "10121"}) == "|10121||viaroma1"


def test_the_mailbox_behind_an_address():
    assert canonical_email("Ada.B+x+y@Example.com") == "ada.b@example.com"
    assert canonical_email("ada.b+x@GoogleMail.com") == "adab@gmail.com"
    assert canonical_email("+x@gmail.com") == "+x@gmail.com"


def test_what_stands_for_a_value_is_made_for_one_kind_here_alone(settings):
    one = keyed_hash("mail", "ada@example.com")
    assert one == address_hash(" ADA@example.com")
    assert len({one, keyed_hash("email", "ada@example.com"), keyed_hash("mail", "bob@example.com")}) == 3
    settings.SECRET_KEY = "another"
    assert keyed_hash("mail", "ada@example.com") != one
