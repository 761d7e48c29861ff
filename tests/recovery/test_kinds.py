"""A kind of campaign is told once. Wherever else the kinds are listed, none is missing."""

from typing import get_args

import pytest

from ghostcart.api.merchant import campaigns as api
from ghostcart.backoffice import campaign_words
from ghostcart.mail.kinds import CAMPAIGNS
from ghostcart.recovery.kinds import TRAITS, Begins
from ghostcart.recovery.models import Kind
from ghostcart.storefront.views import mailed

OF_ORDERS = (Begins.ORDER, Begins.SILENCE)


def test_every_list_of_kinds_has_them_all():
    listed = {"traits": TRAITS, "mails": CAMPAIGNS, "staff": campaign_words.KINDS, "programs": get_args(api.Kind)}
    for who, kinds in listed.items():
        assert [str(kind) for kind in kinds] == Kind.values, who
    assert len({mailed._kind_name(kind) for kind in Kind}) == len(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_what_is_told_of_a_kind_fits_together(kind):
    traits = TRAITS[kind]
    assert (traits.of_order is not None) == (traits.begins in OF_ORDERS)
    assert traits.steps
    assert (CAMPAIGNS[kind] == "cart") == traits.has_cart
    assert traits.days > 0 or traits.begins != Begins.SILENCE
    assert traits.days > 0 or not traits.threshold_minor
    assert sum(other.priority == traits.priority for other in TRAITS.values()) == 1
    if traits.begins == Begins.CART:
        assert traits.steps[0].percent_bp == 0, "the guard would withhold it"
