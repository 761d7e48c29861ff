"""What shoppers find in the catalogue."""

import pytest

from ghostcart.catalog import queries
from ghostcart.catalog.models import Product
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("words", ["smorrebrod", "SMØRREBRØD", "brød  r-mug"])
def test_a_product_is_found_by_all_the_words_however_their_letters_are_typed(words):
    shop = factories.shop()
    Product.objects.filter(slug="mug").update(names={"en": "Mug for Smørrebrød"})
    assert [card.slug for card in queries.named(shop.pk, "EUR", words, "en", 5)] == ["mug"]
    assert queries.named(shop.pk, "EUR", f"{words} lamp", "en", 5) == []
