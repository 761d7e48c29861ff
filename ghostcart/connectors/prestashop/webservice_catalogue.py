"""The products of a shop, looked up by its web service. It does not tell of reductions by category and group."""

from collections.abc import Collection

from ghostcart.connectors.prestashop.basics import Basics, micros
from ghostcart.connectors.prestashop.catalogue import Catalogue, Combination, Item
from ghostcart.connectors.prestashop.prices import SpecialPrice
from ghostcart.connectors.prestashop.webservice import Row, number
from ghostcart.connectors.prestashop.webservice_basics import Source, names, text, whole

Attributes = dict[int, tuple[int, dict[int, str]]]


class WebserviceCatalogue(Catalogue):
    def __init__(self, source: Source, basics: Basics) -> None:
        self.source, self.basics = source, basics
        self._keep_nothing()
        self._attributes: Attributes | None = None

    @property
    def everywhere(self) -> list[SpecialPrice]:
        if self._everywhere is None:
            found = self.special_prices("id_product", [0])
            self._everywhere = [one for one in found if not one.cart and not one.customer]
        return self._everywhere

    def special_prices(self, column: str, numbers: Collection[int]) -> list[SpecialPrice]:
        return [_special(row) for row in self.source.where("specific_prices", column, list(numbers))]

    def _load(self, numbers: list[int]) -> None:
        self._items |= dict.fromkeys(numbers)
        main = self.basics.main_language
        found: dict[int, Item] = {}
        for row in self.source.where("products", "id", numbers):
            found[number(row)] = Item(
                number(row), micros(text(row, "price")), whole(row, "id_tax_rules_group"), text(row, "reference"),
                text(row, "active") != "0", micros(text(row, "wholesale_price")), micros(text(row, "ecotax")),
                text(row, "date_upd"), names=names(row, "name", main), image=whole(row, "id_default_image"),
            )  # fmt: skip
        self._items |= found
        for row in self.source.where("combinations", "id_product", list(found)):
            one = self._combination(row)
            if (item := found.get(whole(row, "id_product"))) is not None:
                item.combinations[one.number] = one
        for special in self.special_prices("id_product", list(found)):
            if not special.cart and not special.customer and special.product in found:
                found[special.product].specials.append(special)

    def _combination(self, row: Row) -> Combination:
        kin = row.get("associations") or {}
        one = Combination(
            number(row), micros(text(row, "price")), text(row, "reference"), micros(text(row, "wholesale_price")),
            micros(text(row, "ecotax")), is_default=text(row, "default_on") == "1",
        )  # fmt: skip
        one.image = min((number(image) for image in kin.get("images", ()) if number(image)), default=0)
        chosen = [(self.attributes[value][0], value) for value in map(number, kin.get("product_option_values", ()))
                  if value in self.attributes]  # fmt: skip
        for _group, value in sorted(chosen):
            for language, told in self.attributes[value][1].items():
                before = one.options.get(language)
                one.options[language] = f"{before}, {told}" if before else told
        return one

    @property
    def attributes(self) -> Attributes:
        """What combinations are made of: the group of each value, and what both are called."""
        if self._attributes is None:
            main = self.basics.main_language
            groups = {number(row): names(row, "public_name", main) for row in self.source.all("product_options")}
            self._attributes = {}
            for row in self.source.all("product_option_values"):
                group = whole(row, "id_attribute_group")
                told = {
                    language: f"{groups[group][language]}: {name}" if groups.get(group, {}).get(language) else name
                    for language, name in names(row, "name", main).items()
                }
                self._attributes[number(row)] = group, told
        return self._attributes

    def _load_stock(self, items: list[Item]) -> None:
        by_number = {item.number: item for item in items}
        group = self.basics.settings.group_id
        rows = self.source.where("stock_availables", "id_product", list(by_number))
        for row in sorted(rows, key=lambda row: whole(row, "id_shop")):
            shop = whole(row, "id_shop")
            if shop == self.source.shop or (shop == 0 and whole(row, "id_shop_group") == group):
                stock = by_number[whole(row, "id_product")].stock
                stock[whole(row, "id_product_attribute")] = whole(row, "quantity")


def _special(row: Row) -> SpecialPrice:
    return SpecialPrice(
        number(row), whole(row, "id_specific_price_rule"), whole(row, "id_cart"), whole(row, "id_product"),
        whole(row, "id_shop"), whole(row, "id_currency"), whole(row, "id_country"), whole(row, "id_group"),
        whole(row, "id_customer"), whole(row, "id_product_attribute"), micros(text(row, "price")),
        whole(row, "from_quantity"), micros(text(row, "reduction")), text(row, "reduction_type") == "percentage",
        text(row, "reduction_tax") != "0", text(row, "from"), text(row, "to"), whole(row, "id_shop_group"),
    )  # fmt: skip
