"""A cart in memory, verb by verb: what each takes, refuses, remembers and tells the log."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostcart.carts.errors import QuantityOutOfRange, SoldOut, TooManyLines, UnknownLine
from ghostcart.carts.opencart import HURRY_LINES, HURRY_SECONDS, MOST_LINES, MOST_QUANTITY, Line, OpenCart
from ghostcart.catalog.offers import Offer
from ghostcart.shops.rules import NEVER, Shipping, ShopRules
from ghostcart.vouchers.terms import Kind, Terms

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STANDARD = Shipping(1, "standard", {"en": "Standard"}, {"EUR": 490, "CHF": 590}, 210_000)
EXPRESS = Shipping(2, "express", {"en": "Express"}, {"EUR": 1290}, 210_000)
SHOP = ShopRules(
    id=1, slug="shop", public_key="key", language="en", languages=("en", "it"), currency="EUR",
    currencies=("EUR", "CHF"), prices_include_tax=True, rounding="half_up", rounding_type="line",
    abandoned_after=timedelta(hours=24), abandoned_basis="activity", online_for=timedelta(minutes=5),
    zone=ZoneInfo("UTC"), shipping=(STANDARD, EXPRESS), is_demo=False,
)  # fmt: skip


def offer(sku="MUG", price=12_500_000, stock=1000, number=1, **more):
    values = {"names": {"en": sku.title(), "it": f"{sku.title()} (it)"}, "options": {"en": "One size"}}
    values |= {"reference": sku, "picture": f"{sku}.jpg", "tax_rate_ppm": 210_000, "regular_micros": None}
    return Offer(variant_id=number, product_id=number, sku=sku, stock=stock, price_micros=price, **values | more)


LAMP = offer("LAMP", 80_000_000, number=2)
PEN = offer("PEN", 2_000_000, stock=5, number=3)


def cart(**more):
    values = {"id": 7, "currency": "EUR", "language": "en", "created_at": NOON, "last_activity_at": NOON}
    made = OpenCart(SHOP, **values | {"abandon_after": NEVER, "seen_at": NOON, "shipping": STANDARD} | more)
    made.price({}, NOON)
    return made


def filled(*offers, quantity=1, **more):
    made = cart(**more)
    for one in offers or (offer(),):
        made.add(one, quantity, NOON + timedelta(hours=1))
    made.price({}, NOON)
    made.changed_lines.clear()
    return made


def percent(number=1, **more):
    return Terms(id=number, code=f"CODE{number}", name="Ten", kind=Kind.PERCENT, percent_bp=1000, **more)


def gift(number=9, variant=3, **more):
    return Terms(id=number, code=f"GIFT{number}", kind=Kind.GIFT, gift_variant_id=variant, **more)


def holding(made):
    return {key: line.quantity for key, line in made.lines.items()}


def told(drafts):
    return [(draft.kind, draft.data) for draft in drafts]


# -- lines -----------------------------------------------------------------------------------------


def test_a_line_is_kept_as_it_was_offered_and_the_log_is_told():
    made = cart(language="it")
    drafts = made.add(offer(regular_micros=15_000_000), 2, NOON)
    assert made.lines["MUG"] == Line(
        key="MUG", position=1, product_id=1, variant_id=1, sku="MUG", name="Mug (it)", option="One size",
        picture="MUG.jpg", unit_price_micros=12_500_000, regular_micros=15_000_000, tax_rate_ppm=210_000, quantity=2,
        total_minor=-1, is_gift=False, added_at=NOON, stock=1000,
    )  # fmt: skip
    line = {"key": "MUG", "sku": "MUG", "name": "Mug (it)", "option": "One size", "picture": "MUG.jpg",
            "unit_price_micros": 12_500_000, "quantity": 2, "was": 0, "is_gift": False}  # fmt: skip
    assert told(drafts) == [("line_added", {"line": line})]
    assert told(made.add(offer(), 3, NOON)) == [("line_added", {"line": line | {"quantity": 5, "was": 2}})]
    assert [line.position for line in filled(offer(), LAMP, PEN).lines.values()] == [1, 2, 3]


def test_adding_again_brings_todays_price_tax_and_stock_to_the_line_that_is_there():
    made = filled(offer(), LAMP)
    there = replace(made.lines["MUG"])
    made.add(offer(price=9_000_000, stock=3, tax_rate_ppm=100_000, regular_micros=12_500_000), 1, NOON)
    line = made.lines["MUG"]
    assert (line.position, line.added_at, line.quantity) == (there.position, there.added_at, 2)
    assert (line.unit_price_micros, line.regular_micros, line.tax_rate_ppm, line.stock) == (
        9_000_000, 12_500_000, 100_000, 3,
    )  # fmt: skip
    assert line.is_discounted
    assert made.changed_lines == {"MUG"}


@pytest.mark.parametrize(("regular", "is_discounted"), [(None, False), (12_500_000, False), (12_500_001, True)])
def test_a_product_is_discounted_below_its_regular_price(regular, is_discounted):
    assert filled(offer(regular_micros=regular)).lines["MUG"].is_discounted == is_discounted


@pytest.mark.parametrize("quantity", [0, -1, MOST_QUANTITY + 1])
def test_a_quantity_that_is_none_is_refused_and_changes_nothing(quantity):
    made = filled(offer(stock=10**6))
    with pytest.raises(QuantityOutOfRange) as refused:
        made.add(offer(stock=10**6), quantity, NOON)
    assert refused.value.params == {"least": 1, "most": MOST_QUANTITY}
    with pytest.raises(QuantityOutOfRange):
        made.set_quantity("MUG", quantity or -5, NOON)
    assert holding(made) == {"MUG": 1}


def test_a_line_holds_9999_and_not_one_more():
    assert MOST_QUANTITY == 9999
    plenty = offer(stock=10**6)
    made = filled(plenty, quantity=MOST_QUANTITY - 1)
    made.add(plenty, 1, NOON)
    with pytest.raises(QuantityOutOfRange):
        made.add(plenty, 1, NOON)
    assert holding(made) == {"MUG": MOST_QUANTITY}


def test_the_last_piece_can_be_had_and_no_more_than_there_are():
    made = filled(PEN, quantity=4)
    made.add(PEN, 1, NOON)
    with pytest.raises(SoldOut) as refused:
        made.add(PEN, 1, NOON)
    assert refused.value.params == {"stock": 5, "name": "Pen"}
    with pytest.raises(SoldOut):
        made.set_quantity("PEN", 6, NOON)
    assert holding(made) == {"PEN": 5}


def test_what_is_short_by_now_can_be_lessened_and_kept():
    made = filled(PEN, quantity=4)
    made.lines["PEN"].stock = 1
    assert made.set_quantity("PEN", 4, NOON) == []
    assert made.set_quantity("PEN", 3, NOON)
    with pytest.raises(SoldOut):
        made.set_quantity("PEN", 4, NOON)
    made.lines["PEN"].stock = None  # nobody counts it
    assert told(made.set_quantity("PEN", 50, NOON))[0][1]["line"]["was"] == 3
    assert holding(made) == {"PEN": 50}
    made.lines["PEN"].stock = 51
    assert made.set_quantity("PEN", 51, NOON)


def test_of_200_products_each_can_be_raised_and_none_be_added():
    assert MOST_LINES == 200
    made = cart()
    for number in range(MOST_LINES):
        made.add(offer(f"P{number}"), 1, NOON)
    with pytest.raises(TooManyLines) as refused:
        made.add(LAMP, 1, NOON)
    assert refused.value.params == {"most": 200}
    made.add(offer("P0"), 1, NOON)
    assert (len(made.lines), made.lines["P0"].quantity) == (200, 2)


def test_removing_tells_what_was_there_and_what_comes_back_is_no_more_removed():
    made = filled(offer(), LAMP, quantity=3)
    ((kind, data),) = told(made.set_quantity("MUG", 0, NOON))
    assert (kind, data["line"]["was"], data["line"]["quantity"]) == ("line_removed", 3, 0)
    assert (holding(made), made.removed_lines, made.changed_lines) == ({"LAMP": 3}, {"MUG"}, set())
    made.add(offer(), 1, NOON)
    assert (made.removed_lines, made.changed_lines) == (set(), {"MUG"})
    assert made.lines["MUG"].position == 3


def test_what_is_not_there_and_what_is_a_gift_cannot_be_changed():
    made = filled()
    made.apply_voucher(gift(), NOON)
    made.price({3: PEN}, NOON)
    for key in ("LAMP", "gift:PEN"):
        with pytest.raises(UnknownLine):
            made.remove(key)
        with pytest.raises(UnknownLine):
            made.set_quantity(key, 2, NOON)


def test_long_names_are_cut_to_what_is_kept():
    made = filled(offer(names={"en": "n" * 300}, options={"en": "o" * 300}))
    assert (len(made.lines["MUG"].name), len(made.lines["MUG"].option)) == (200, 120)


# -- totals ----------------------------------------------------------------------------------------


def test_an_empty_cart_pays_no_shipping_and_a_filled_one_does():
    made = cart()
    assert (made.totals.total_minor, made.totals.tax_minor) == (0, 0)
    made = filled(offer(), LAMP)
    assert (made.totals.products_minor, made.totals.shipping_minor, made.totals.total_minor) == (9250, 490, 9740)
    assert made.totals.tax_minor == 217 + 1388 + 85  # a fifth and a bit of each
    assert made.told() == {"total_minor": 9740, "item_count": 2, "currency": "EUR"}
    assert [line.total_minor for line in made.lines.values()] == [1250, 8000]


def test_where_a_way_to_deliver_has_no_price_or_none_is_chosen_it_costs_nothing():
    assert filled(shipping=None).totals.total_minor == 1250
    assert filled(currency="CHF", shipping=EXPRESS).totals.shipping_minor == 0


def test_without_tax_in_the_prices_it_comes_on_top():
    bare = cart()
    bare.shop = replace(SHOP, prices_include_tax=False, rounding="up", rounding_type="item")
    bare.add(offer(price=1_001), 3, NOON)
    bare.price({}, NOON)
    assert (bare.totals.products_minor, bare.totals.tax_minor) == (3, 1 + 103)  # a cent each, and tax rounded up
    assert bare.totals.total_minor == 3 + 490 + 104


def test_only_lines_whose_total_changes_are_written_again():
    made = filled(offer(), LAMP)
    made.price({}, NOON)
    assert made.changed_lines == set()
    made.set_quantity("MUG", 2, NOON)
    made.price({}, NOON)
    assert (made.changed_lines, made.lines["MUG"].total_minor) == ({"MUG"}, 2500)


def test_a_line_whose_quantity_changes_is_written_again_though_its_total_does_not():
    free = offer(price=0)
    made, other = filled(free), filled(free)
    made.set_quantity("MUG", 3, NOON)
    made.price({}, NOON)
    assert (made.changed_lines, made.lines["MUG"].total_minor) == ({"MUG"}, 0)
    other.take_over(made, NOON)
    other.price({}, NOON)
    assert (other.changed_lines, holding(other)) == ({"MUG"}, {"MUG": 4})


def test_a_total_that_was_kept_wrong_is_written_again():
    made = filled(offer(), LAMP)
    made.lines["MUG"].total_minor = 1
    made.price({}, NOON)
    assert (made.changed_lines, made.lines["MUG"].total_minor) == ({"MUG"}, 1250)


def test_looking_marks_nothing_as_changed():
    made = filled()
    made.lines["MUG"].total_minor = 1
    made.work_out()
    assert (made.totals.products_minor, made.changed_lines, made.lines["MUG"].total_minor) == (1250, set(), 1)


# -- vouchers --------------------------------------------------------------------------------------


def test_a_voucher_is_noted_with_what_it_takes_or_why_it_does_not():
    made = filled()
    drafts = made.apply_voucher(percent(minimum_minor=1251, currency="EUR"), NOON)
    assert told(drafts) == [("voucher_applied", {"voucher": {"code": "CODE1", "name": "Ten"}})]
    assert made.vouchers_changed
    made.price({}, NOON)
    applied = made.vouchers[1]
    assert (applied.amount_minor, applied.refusal, applied.applied_at) == (0, "voucher_below_minimum", NOON)
    made.vouchers_changed = False
    made.add(LAMP, 1, NOON)
    made.price({}, NOON)
    assert (applied.amount_minor, applied.refusal, made.totals.discount_minor) == (925, "", 925)
    assert made.vouchers_changed
    made.vouchers_changed = False
    made.price({}, NOON)
    assert not made.vouchers_changed
    made.remove("LAMP")
    made.price({}, NOON)
    assert (applied.amount_minor, applied.refusal) == (0, "voucher_below_minimum")


def test_free_shipping_is_noted_and_forgotten_when_it_no_longer_is():
    made = filled(offer(), LAMP)
    made.apply_voucher(Terms(id=1, code="FREE", kind=Kind.FREE_SHIPPING, minimum_minor=5000, currency="EUR"), NOON)
    made.price({}, NOON)
    assert (made.vouchers[1].free_shipping, made.totals.shipping_minor) == (True, 0)
    made.remove("LAMP")
    made.price({}, NOON)
    assert (made.vouchers[1].free_shipping, made.totals.shipping_minor) == (False, 490)


def test_a_voucher_is_taken_off_by_its_code_and_no_other_with_it():
    made = filled()
    for number in (1, 2):
        made.apply_voucher(percent(number), NOON)
    made.vouchers_changed = False
    assert made.remove_voucher("CODE3") == []
    assert not made.vouchers_changed
    assert told(made.remove_voucher(" code2 ")) == [("voucher_removed", {"voucher": {"code": "CODE2", "name": "Ten"}})]
    assert (list(made.vouchers), made.vouchers_changed) == ([1], True)


def test_a_gift_comes_with_its_voucher_and_goes_with_it():
    made = filled()
    made.apply_voucher(gift(), NOON)
    ((kind, data),) = told(made.price({3: PEN}, NOON))
    line = made.lines["gift:PEN"]
    assert (kind, data["line"]["was"], data["line"]["is_gift"]) == ("line_added", 0, True)
    assert (line.quantity, line.unit_price_micros, line.total_minor, line.variant_id) == (1, 0, 0, 3)
    assert (made.totals.items, made.totals.products_minor) == (2, 1250)
    assert "gift:PEN" in made.changed_lines
    assert made.price({3: PEN}, NOON) == []  # it is there
    made.remove_voucher("GIFT9")
    ((kind, data),) = told(made.price({}, NOON))
    assert (kind, data["line"]["quantity"], data["line"]["was"]) == ("line_removed", 0, 1)
    assert (holding(made), made.removed_lines, made.totals.items) == ({"MUG": 1}, {"gift:PEN"}, 1)


@pytest.mark.parametrize("gifts", [{}, {3: replace(PEN, stock=0)}], ids=["not offered", "sold out"])
def test_a_gift_that_is_not_to_be_had_is_not_given(gifts):
    made = filled()
    made.apply_voucher(gift(), NOON)
    assert made.price(gifts, NOON) == []
    assert holding(made) == {"MUG": 1}


def test_the_last_piece_can_be_given_away():
    made = filled()
    made.apply_voucher(gift(), NOON)
    made.price({3: replace(PEN, stock=1)}, NOON)
    assert holding(made) == {"MUG": 1, "gift:PEN": 1}


def test_a_gift_that_is_no_longer_in_the_catalogue_makes_room_for_another():
    made = filled()
    made.apply_voucher(gift(), NOON)
    made.price({3: PEN}, NOON)
    made.lines["gift:PEN"].variant_id = None
    made.remove_voucher("GIFT9")
    made.apply_voucher(gift(variant=1), NOON)
    assert [draft.kind for draft in made.price({1: offer()}, NOON)] == ["line_removed", "line_added"]
    assert holding(made) == {"MUG": 1, "gift:MUG": 1}


def test_two_vouchers_give_each_their_gift_and_below_its_minimum_one_gives_none():
    made = filled()
    made.apply_voucher(gift(8, variant=2, minimum_minor=2000, currency="EUR"), NOON)
    made.apply_voucher(gift(), NOON)
    gifts = {2: LAMP, 3: PEN}
    made.price(gifts, NOON)
    assert holding(made) == {"MUG": 1, "gift:PEN": 1}
    made.set_quantity("MUG", 2, NOON)
    made.price(gifts, NOON)
    assert holding(made) == {"MUG": 2, "gift:PEN": 1, "gift:LAMP": 1}
    made.set_quantity("MUG", 1, NOON)
    made.price(gifts, NOON)
    assert holding(made) == {"MUG": 1, "gift:PEN": 1}


@given(st.lists(st.tuples(st.sampled_from(["MUG", "LAMP", "PEN"]), st.integers(0, 6)), max_size=12), st.booleans())
def test_whatever_is_done_lines_head_and_gift_agree(changes, has_gift):
    made, offers = cart(), {"MUG": offer(), "LAMP": LAMP, "PEN": PEN}
    if has_gift:
        made.apply_voucher(gift(), NOON)
    for sku, quantity in changes:
        with suppress(QuantityOutOfRange, SoldOut):
            made.set_quantity(sku, quantity, NOON) if sku in made.lines else made.add(offers[sku], quantity, NOON)
        made.price({3: PEN}, NOON)
        bought = [line for line in made.lines.values() if not line.is_gift]
        assert sum(line.total_minor for line in made.lines.values()) == made.totals.products_minor
        assert sum(line.quantity for line in made.lines.values()) == made.totals.items
        assert ("gift:PEN" in made.lines) == (has_gift and bool(bought))
        assert made.totals.shipping_minor == (490 if made.lines else 0)
        assert not made.removed_lines & set(made.lines)
        assert made.changed_lines <= set(made.lines)


# -- whose, how, when ------------------------------------------------------------------------------


def test_who_says_the_same_again_tells_no_news():
    made = cart()
    assert told(made.identify(5, "Ada")) == [("customer_identified", {"customer": {"label": "Ada"}})]
    assert made.identify(5, "Ada") == []
    assert made.identify(5, "Ada Byron")
    assert made.identify(6, "Ada Byron")
    assert (made.customer_id, made.customer_label) == (6, "Ada Byron")


def test_a_way_to_deliver_is_chosen_once():
    made = filled()
    assert made.choose_shipping(STANDARD) == []
    assert told(made.choose_shipping(EXPRESS)) == [("shipping_chosen", {"shipping": {"name": "Express"}})]
    made.price({}, NOON)
    assert made.totals.shipping_minor == 1290


def test_in_another_currency_it_is_delivered_by_what_has_a_price_there():
    made = cart(shipping=EXPRESS)
    made.switch_currency("EUR")
    assert made.shipping == EXPRESS
    made.switch_currency("CHF")
    assert (made.currency, made.shipping) == ("CHF", STANDARD)
    made.switch_currency("EUR")
    assert made.shipping == STANDARD  # it has a price here too
    made.switch_currency("JPY")
    assert made.shipping is None
    made.switch_currency("EUR")
    assert made.shipping == STANDARD


def test_the_checkout_starts_once_and_an_order_closes_the_cart():
    made = filled()
    assert told(made.start_checkout(NOON)) == [("checkout_started", {})]
    assert made.start_checkout(NOON + timedelta(hours=1)) == []
    assert (made.checkout_started_at, made.bot_reasons) == (NOON, ["reached_checkout"])
    assert made.is_live
    assert told(made.order(3, "T-3", NOON)) == [("ordered", {"order": {"number": "T-3"}})]
    assert (made.ordered_at, made.order_id, made.order_number, made.is_live) == (NOON, 3, "T-3", False)


@pytest.mark.parametrize("end", ["ordered_at", "merged_at", "deleted_at"])
def test_a_cart_that_was_ordered_merged_or_deleted_is_not_live(end):
    assert not cart(**{end: NOON}).is_live


@pytest.mark.parametrize(("source", "is_outside"), [("store", False), ("staff", False), ("prestashop", True)])
def test_a_cart_of_another_source_is_kept_elsewhere(source, is_outside):
    assert cart(source=source).is_outside == is_outside


def test_activity_never_goes_back_and_starts_the_clock_again():
    made = filled()
    later = NOON + timedelta(hours=2)
    made.is_active_at(later)
    made.is_active_at(NOON)
    assert (made.last_activity_at, made.seen_at, made.abandon_after) == (later, later, later + timedelta(hours=24))
    made.remove("MUG")
    made.is_active_at(later)
    assert made.abandon_after == NEVER


@pytest.mark.parametrize(
    ("reasons", "score"),
    [([], 0), (["reached_checkout"], 0), (["crawler"], 80), (["crawler", "no_user_agent"], 100), (["unheard_of"], 0),
     (["crawler", "reached_checkout"], 20), (["hurried"], 50), (["headless"], 60), (["no_user_agent"], 60)],
)  # fmt: skip
def test_the_bot_score_is_a_sum_between_nothing_and_all(reasons, score):
    assert cart(bot_reasons=reasons).bot_score == score


@pytest.mark.parametrize(
    ("products", "seconds", "restored", "is_hurried"),
    [(HURRY_LINES, HURRY_SECONDS - 1, None, True), (HURRY_LINES - 1, 1, None, False),
     (HURRY_LINES, HURRY_SECONDS, None, False), (HURRY_LINES, 1, 4, False)],
)  # fmt: skip
def test_six_products_in_ten_seconds_are_put_in_by_no_hand(products, seconds, restored, is_hurried):
    assert (HURRY_LINES, HURRY_SECONDS) == (6, 10)
    made = cart(restored_from_id=restored)
    for number in range(products):
        made.add(offer(f"P{number}"), 1, NOON + timedelta(seconds=seconds))
    made.add(offer("P0"), 1, NOON + timedelta(seconds=seconds))
    assert made.bot_reasons == (["hurried"] if is_hurried else [])


# -- two carts become one --------------------------------------------------------------------------


def test_taking_over_adds_up_and_leaves_the_other_as_it_is():
    mine, theirs = filled(offer(), LAMP), filled(offer(), PEN, quantity=2, id=8)
    theirs.bot_reasons, mine.bot_reasons = ["hurried"], ["reached_checkout"]
    assert told(mine.take_over(theirs, NOON)) == [("merged", {"from": 8})]
    mine.price({}, NOON)
    assert holding(mine) == {"MUG": 3, "LAMP": 1, "PEN": 2}
    assert (mine.lines["PEN"].position, mine.lines["PEN"].total_minor) == (3, 400)
    assert (mine.changed_lines, mine.bot_reasons) == ({"MUG", "PEN"}, ["hurried", "reached_checkout"])
    assert (holding(theirs), theirs.lines["PEN"].position, theirs.changed_lines) == ({"MUG": 2, "PEN": 2}, 2, set())


def test_an_empty_cart_that_takes_over_begins_with_the_first_place():
    mine = cart()
    mine.take_over(filled(PEN, LAMP), NOON)
    assert [(line.key, line.position) for line in mine.lines.values()] == [("PEN", 1), ("LAMP", 2)]


def test_taken_over_a_sum_stops_at_the_most():
    plenty = offer(stock=10**6)
    mine, theirs = filled(plenty, quantity=6000), filled(plenty, quantity=6000)
    mine.take_over(theirs, NOON)
    assert holding(mine) == {"MUG": MOST_QUANTITY}


def test_taken_over_a_gift_stays_with_its_voucher():
    mine, theirs = filled(offer()), filled(LAMP)
    theirs.apply_voucher(gift(), NOON)
    theirs.price({3: PEN}, NOON)
    mine.take_over(theirs, NOON)
    assert holding(mine) == {"MUG": 1, "LAMP": 1}
    mine.price({3: PEN}, NOON)
    assert holding(mine) == {"MUG": 1, "LAMP": 1, "gift:PEN": 1}


@pytest.mark.parametrize(
    ("mine", "theirs", "together"),
    [
        ([], [{}], [2]),
        ([], [{"combinable": False}], [2]),
        ([{}], [{}], [1, 2]),
        ([{"combinable": False}], [{}], [1]),
        ([{}], [{"combinable": False}], [1]),
        ([], [{}, {"combinable": False}], [2]),
    ],
)
def test_vouchers_come_along_as_far_as_they_go_together(mine, theirs, together):
    one, other = filled(), filled(LAMP)
    for number, terms in enumerate(mine, 1):
        one.apply_voucher(percent(number, **terms), NOON)
    for number, terms in enumerate(theirs, 2):
        other.apply_voucher(percent(number, **terms), NOON)
    one.vouchers_changed = False
    one.take_over(other, NOON)
    assert list(one.vouchers) == together
    assert one.vouchers_changed == (2 in together)
    one.price({}, NOON)
    assert all(applied.amount_minor == 0 for applied in other.vouchers.values())  # a copy is counted, not theirs


def test_a_voucher_that_both_hold_counts_once():
    one, other = filled(), filled(LAMP)
    for made in (one, other):
        made.apply_voucher(percent(), NOON)
    one.price({}, NOON)
    one.vouchers_changed = False
    one.take_over(other, NOON)
    assert (list(one.vouchers), one.vouchers_changed) == ([1], False)
    assert one.vouchers[1].amount_minor == 125
