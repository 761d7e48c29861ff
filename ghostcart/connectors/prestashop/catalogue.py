"""The products of a shop there: looked up in batches for the lines of carts, and told whole to our catalogue."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ghostcart.catalog.intake import PriceSnapshot, ProductSnapshot, VariantSnapshot
from ghostcart.connectors.prestashop.basics import Basics, clean, marks, micros
from ghostcart.connectors.prestashop.database import Database
from ghostcart.connectors.prestashop.prices import Occasion, SpecialPrice, UnitPrice, unit_price

MOST_KEPT = 20_000
"""Products in memory at once."""
MOST_REMEMBERED = 200_000


class Face(NamedTuple):
    """How a combination is shown in a language."""

    name: str
    option: str
    picture: str
    sku: str


@dataclass(slots=True)
class Combination:
    number: int
    surcharge_micros: int = 0
    reference: str = ""
    cost_micros: int = 0
    ecotax_micros: int = 0
    options: dict[int, str] = field(default_factory=dict)
    """By language: "Size: M, Color: White"."""
    image: int = 0
    is_default: bool = False


@dataclass(slots=True)
class Item:
    """A product as lines and prices need it. Names by the number of a language."""

    number: int
    price_micros: int
    tax_group: int
    reference: str
    is_active: bool
    cost_micros: int
    ecotax_micros: int
    changed: str
    names: dict[int, str] = field(default_factory=dict)
    combinations: dict[int, Combination] = field(default_factory=dict)
    image: int = 0
    specials: list[SpecialPrice] = field(default_factory=list)
    category_reductions: dict[int, int] = field(default_factory=dict)
    """In ppm, by group."""
    stock: dict[int, int] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether its price depends on neither the time nor how much is bought."""
        return all(one.from_quantity <= 1 and one.since < "1000" and one.until < "1000" for one in self.specials)

    def name(self, language: int, main: int) -> str:
        return self.names.get(language) or self.names.get(main) or next(iter(self.names.values()), "")


class Catalogue:
    """What is known of products; `load` asks for those that are not."""

    def __init__(self, database: Database, basics: Basics) -> None:
        self.database, self.basics = database, basics
        self._keep_nothing()

    def _keep_nothing(self) -> None:
        self._items: dict[int, Item | None] = {}
        self._everywhere: list[SpecialPrice] | None = None
        self._faces: dict[tuple[int, int, int], Face] = {}
        self.plain_prices: dict[tuple[int, ...], tuple[UnitPrice, int]] = {}
        """Prices with their tax rates that were reckoned already: see `Teller`."""

    def forget(self, numbers: Iterable[int] | None = None) -> None:
        """Ask anew for some products, or for all of them and the prices that hold for all."""
        self._faces.clear()
        self.plain_prices.clear()
        if numbers is None:
            self._items.clear()
            self._everywhere = None
            return
        for number in numbers:
            self._items.pop(number, None)

    def get(self, number: int) -> Item | None:
        """A product that was loaded; None: the shop has it no more."""
        return self._items.get(number)

    def load(self, numbers: Collection[int]) -> None:
        missing = [number for number in numbers if number not in self._items]
        if len(self._items) + len(missing) > MOST_KEPT or len(self.plain_prices) + len(self._faces) > MOST_REMEMBERED:
            self.forget()
            missing = list(numbers)
        for start in range(0, len(missing), 1000):
            self._load(missing[start : start + 1000])

    @property
    def everywhere(self) -> list[SpecialPrice]:
        """Special prices that hold for all products."""
        if self._everywhere is None:
            has_any = self.basics.settings.has("specific_price")
            self._everywhere = self.specials("id_product = 0 AND id_cart = 0 AND id_customer = 0") if has_any else []
        return self._everywhere

    def specials(self, condition: str, parameters: Iterable[object] = ()) -> list[SpecialPrice]:
        sql = f"""SELECT id_specific_price, id_specific_price_rule, id_cart, id_product, id_shop, id_currency,
                    id_country, id_group, id_customer, id_product_attribute, price, from_quantity, reduction,
                    reduction_type = 'percentage', {self._reduction_tax()}, `from`, `to`, id_shop_group
                  FROM {{p}}specific_price WHERE {condition}"""
        found = []
        for row in self.database.tuples(sql, tuple(parameters)):
            number, rule, cart, product, shop, currency, country, group, customer, variant, *rest = row
            price, least, reduction, is_share, taxed, since, until, shop_group = rest
            found.append(SpecialPrice(
                number, rule, cart, product, shop, currency, country, group, customer, variant, micros(price),
                int(least), micros(reduction), bool(is_share), bool(taxed), since, until, shop_group,
            ))  # fmt: skip
        return found

    def _reduction_tax(self) -> str:
        return "reduction_tax" if self.basics.settings.has("specific_price", "reduction_tax") else "1"

    # -- reading ---------------------------------------------------------------------------------

    def _load(self, numbers: list[int]) -> None:
        settings, ask = self.basics.settings, self.database.tuples
        shop, several = settings.shop_id, marks(numbers)
        sql = f"""SELECT p.id_product, COALESCE(s.price, p.price),
                    COALESCE(s.id_tax_rules_group, p.id_tax_rules_group), p.reference, COALESCE(s.active, 0),
                    COALESCE(s.wholesale_price, p.wholesale_price), COALESCE(s.ecotax, p.ecotax),
                    GREATEST(p.date_upd, COALESCE(s.date_upd, p.date_upd))
                  FROM {{p}}product p LEFT JOIN {{p}}product_shop s ON s.id_product = p.id_product AND s.id_shop = %s
                  WHERE p.id_product IN ({several})"""
        self._items |= dict.fromkeys(numbers)
        found: dict[int, Item] = {}
        for number, price, tax_group, reference, active, cost, ecotax, changed in ask(sql, (shop, *numbers)):
            found[number] = Item(
                number, micros(price), tax_group, clean(reference), bool(active), micros(cost), micros(ecotax), changed
            )
        self._items |= found
        if not found:
            return
        sql = (
            f"SELECT id_product, id_lang, name FROM {{p}}product_lang WHERE id_shop = %s AND id_product IN ({several})"
        )
        for number, language, name in ask(sql, (shop, *numbers)):
            if number in found and name:
                found[number].names[language] = clean(name)
        self._load_combinations(found)
        self._load_images(found)
        self._load_prices(found)

    def _load_combinations(self, found: dict[int, Item]) -> None:
        settings, ask = self.basics.settings, self.database.tuples
        if not (settings.has("product_attribute") and settings.has("product_attribute_shop")):
            return
        numbers = list(found)
        sql = f"""SELECT a.id_product, a.id_product_attribute, s.price, a.reference,
                    COALESCE(NULLIF(s.wholesale_price, 0), a.wholesale_price), s.ecotax, s.default_on
                  FROM {{p}}product_attribute a
                  JOIN {{p}}product_attribute_shop s
                    ON s.id_product_attribute = a.id_product_attribute AND s.id_shop = %s
                  WHERE a.id_product IN ({marks(numbers)}) ORDER BY a.id_product_attribute"""
        known: dict[int, Combination] = {}
        for product, number, price, reference, cost, ecotax, is_default in ask(sql, (settings.shop_id, *numbers)):
            one = Combination(number, micros(price), clean(reference), micros(cost), micros(ecotax))
            one.is_default = bool(is_default)
            known[number] = found[product].combinations[number] = one
        if not known or not settings.has("product_attribute_combination") or not settings.has("attribute_lang"):
            return
        sql = f"""SELECT c.id_product_attribute, l.id_lang, g.public_name, l.name
                  FROM {{p}}product_attribute_combination c
                  JOIN {{p}}attribute a ON a.id_attribute = c.id_attribute
                  JOIN {{p}}attribute_lang l ON l.id_attribute = c.id_attribute
                  LEFT JOIN {{p}}attribute_group_lang g
                    ON g.id_attribute_group = a.id_attribute_group AND g.id_lang = l.id_lang
                  WHERE c.id_product_attribute IN ({marks(known)})
                  ORDER BY c.id_product_attribute, a.id_attribute_group, c.id_attribute"""
        for number, language, group, name in ask(sql, tuple(known)):
            options = known[number].options
            told = f"{clean(group)}: {clean(name)}" if group else clean(name)
            options[language] = f"{options[language]}, {told}" if language in options else told
        if settings.has("product_attribute_image"):
            sql = f"""SELECT id_product_attribute, MIN(id_image) FROM {{p}}product_attribute_image
                      WHERE id_product_attribute IN ({marks(known)}) AND id_image > 0 GROUP BY id_product_attribute"""
            for number, image in ask(sql, tuple(known)):
                known[number].image = image

    def _load_images(self, found: dict[int, Item]) -> None:
        if not (self.basics.settings.has("image_shop") and self.basics.settings.has("image")):
            return
        sql = f"""SELECT i.id_product, i.id_image FROM {{p}}image i
                  JOIN {{p}}image_shop s ON s.id_image = i.id_image AND s.id_shop = %s AND s.cover = 1
                  WHERE i.id_product IN ({marks(found)})"""
        for number, image in self.database.tuples(sql, (self.basics.settings.shop_id, *found)):
            found[number].image = image

    def _load_prices(self, found: dict[int, Item]) -> None:
        settings = self.basics.settings
        if settings.has("specific_price"):
            condition = f"id_cart = 0 AND id_customer = 0 AND id_product IN ({marks(found)})"
            for special in self.specials(condition, found):
                found[special.product].specials.append(special)
        if settings.has("product_group_reduction_cache"):
            sql = f"""SELECT id_product, id_group, reduction FROM {{p}}product_group_reduction_cache
                      WHERE id_product IN ({marks(found)})"""
            for number, group, reduction in self.database.tuples(sql, tuple(found)):
                found[number].category_reductions[group] = micros(reduction)

    # -- asking ----------------------------------------------------------------------------------

    def price(
        self, item: Item, variant: int, occasion: Occasion, tax_ppm: int, more: Iterable[SpecialPrice] = ()
    ) -> UnitPrice:
        """What a unit costs on an occasion; `more`: special prices of just this cart or customer."""
        combination = item.combinations.get(variant)
        specials = [*item.specials, *self.everywhere, *more] if more or self.everywhere else item.specials
        base = item.price_micros
        if self.basics.settings.number("PS_USE_ECOTAX"):
            base += (combination and combination.ecotax_micros) or item.ecotax_micros
        return unit_price(
            item.number, variant, base, combination.surcharge_micros if combination else 0, tax_ppm, occasion,
            specials, self.basics.priorities, item.category_reductions.get(occasion.group),
        )  # fmt: skip

    def face(self, item: Item, variant: int, language: int) -> Face:
        key = (item.number, variant, language)
        face = self._faces.get(key)
        if face is None:
            main = self.basics.main_language
            combination = item.combinations.get(variant)
            options = combination.options if combination else {}
            sku = (combination.reference if combination else "") or item.reference
            face = self._faces[key] = Face(
                item.name(language, main) or item.reference or f"#{item.number}",
                options.get(language) or options.get(main) or "",
                self.picture(item, variant),
                sku or variant_id(item.number, variant),
            )
        return face

    def picture(self, item: Item, variant: int = 0) -> str:
        """The address of its picture in the shop, in the form that every version serves."""
        combination = item.combinations.get(variant)
        image = (combination.image if combination else 0) or item.image
        base = self.basics.address
        if not image or not base:
            return ""
        if self.basics.settings.number("PS_LEGACY_IMAGES"):
            return f"{base}img/p/{item.number}-{image}.jpg"
        return f"{base}img/p/{'/'.join(str(image))}/{image}.jpg"

    def url(self, item: Item) -> str:
        """The address that every version leads to the product's page."""
        base = self.basics.address
        return f"{base}index.php?controller=product&id_product={item.number}" if base else ""

    # -- telling ---------------------------------------------------------------------------------

    def snapshots(self, numbers: Collection[int], at: str) -> list[ProductSnapshot]:
        """Products for our catalogue, with the prices of any customer at a time (as the shop writes times)."""
        self.forget(numbers)
        self.load(numbers)
        items = [item for number in numbers if (item := self.get(number)) is not None]
        self._load_stock(items)
        return [self._snapshot(item, at) for item in items]

    def _load_stock(self, items: list[Item]) -> None:
        settings = self.basics.settings
        if not items or not settings.has("stock_available"):
            return
        by_number = {item.number: item for item in items}
        sql = f"""SELECT id_product, id_product_attribute, quantity FROM {{p}}stock_available
                  WHERE id_product IN ({marks(by_number)})
                    AND (id_shop = %s OR (id_shop = 0 AND id_shop_group = %s)) ORDER BY id_shop"""
        for number, variant, quantity in self.database.tuples(sql, (*by_number, settings.shop_id, settings.group_id)):
            by_number[number].stock[variant] = int(quantity)

    def _snapshot(self, item: Item, at: str) -> ProductSnapshot:
        basics = self.basics
        names = {basics.language(language): name for language, name in item.names.items()}
        group = basics.group(basics.settings.number("PS_CUSTOMER_GROUP", 3))
        tax = basics.tax_rate(item.tax_group, basics.home_country, 0)
        combinations: list[Combination] = list(item.combinations.values()) or [Combination(0)]
        return ProductSnapshot(
            external_id=str(item.number),
            names=names or {basics.language(0): item.reference or f"#{item.number}"},
            reference=item.reference,
            url=self.url(item),
            tax_rate_ppm=tax,
            is_active=item.is_active,
            variants=[self._variant(item, one, at, tax, group.shows_tax) for one in combinations],
        )

    def _variant(self, item: Item, one: Combination, at: str, tax: int, shows_tax: bool) -> VariantSnapshot:
        basics, settings = self.basics, self.basics.settings
        prices: dict[str, PriceSnapshot] = {}
        cost = one.cost_micros or item.cost_micros
        for number in basics.currencies:
            currency = basics.currency(number)
            occasion = Occasion(
                settings.shop_id, settings.group_id, number, currency.rate_micros, basics.home_country,
                basics.group_of_visitors, 0, 0, 0, at, 1, shows_tax,
            )  # fmt: skip
            price = self.price(item, one.number, occasion, tax)
            own_cost = cost * currency.rate_micros // 1_000_000 if cost else None
            prices[currency.code] = PriceSnapshot(price.micros, price.regular_micros, own_cost)
        return VariantSnapshot(
            external_id=variant_id(item.number, one.number),
            options={basics.language(language): name for language, name in one.options.items()},
            picture=self.picture(item, one.number),
            stock=item.stock.get(one.number),
            is_active=item.is_active,
            prices=prices,
        )


def variant_id(product: int, variant: int) -> str:
    """What we call a combination of a product; of a product without any, its only variant."""
    return f"{product}-{variant}"
