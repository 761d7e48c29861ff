"""The tables of PrestaShop that matter here, as 1.6, 1.7, 8 and 9 have them: one description, with the differences.

A table is its name, its columns, its primary key, its other keys. A column is its name, its kind, and from which
version or up to which it is there ("1.7+", "-1.6"); so is a key.
"""

import re

KINDS = {
    "id": "INT(10) UNSIGNED NOT NULL AUTO_INCREMENT",
    "u": "INT(10) UNSIGNED NOT NULL DEFAULT 0",
    "un": "INT(10) UNSIGNED DEFAULT NULL",
    "i": "INT(10) NOT NULL DEFAULT 0",
    "b": "TINYINT(1) NOT NULL DEFAULT 0",
    "bn": "TINYINT(1) UNSIGNED DEFAULT NULL",
    "d6": "DECIMAL(20,6) NOT NULL DEFAULT '0.000000'",
    "rate": "DECIMAL(13,6) NOT NULL DEFAULT '1.000000'",
    "pct": "DECIMAL(5,2) NOT NULL DEFAULT '0.00'",
    "red": "DECIMAL(5,4) NOT NULL DEFAULT '0.0000'",
    "tax": "DECIMAL(10,3) NOT NULL DEFAULT '0.000'",
    "dt": "DATETIME NOT NULL",
    "text": "TEXT DEFAULT NULL",
    "big": "BIGINT(20) DEFAULT NULL",
    "kind": "ENUM('amount','percentage') NOT NULL DEFAULT 'percentage'",
}
"""Besides these, `s32` is a text of at most 32 characters, `sn32` one that may be NULL."""

TABLES = """
configuration: id_configuration id, id_shop_group un, id_shop un, name s254, value text, date_add dt, date_upd dt |
    id_configuration | name
shop_group: id_shop_group id, name s64, share_customer b, share_order b, share_stock b, active b, deleted b |
    id_shop_group
shop: id_shop id, id_shop_group u, name s64, id_category u, theme_name s255 1.7+, id_theme u -1.6, active b, deleted
    b | id_shop
shop_url: id_shop_url id, id_shop u, domain s150, domain_ssl s150, physical_uri s64, virtual_uri s64, main b, active
    b | id_shop_url
lang: id_lang id, name s32, active b, iso_code s2, language_code s5, locale s5 1.7+, date_format_lite s32,
    date_format_full s32, is_rtl b | id_lang
lang_shop: id_lang u, id_shop u | id_lang,id_shop
currency: id_currency id, name s64, iso_code s3, iso_code_num s3 -1.6, sign s8 -1.6, blank b -1.6, format b -1.6,
    decimals b -1.6, numeric_iso_code sn3 1.7+, precision i 1.7+, conversion_rate rate, deleted b, active b |
    id_currency
currency_shop: id_currency u, id_shop u, conversion_rate rate | id_currency,id_shop
country: id_country id, id_zone u, id_currency u, iso_code s3, active b, contains_states b | id_country
address: id_address id, id_country u, id_state un, id_customer u, alias s32, lastname s255, firstname s255, address1
    s128, postcode sn12, city s64, phone sn32, phone_mobile sn32, date_add dt, date_upd dt, active b, deleted b |
    id_address | id_customer
tax: id_tax id, rate tax, active b, deleted b | id_tax
tax_rules_group: id_tax_rules_group id, name s50, active b, deleted b | id_tax_rules_group
tax_rule: id_tax_rule id, id_tax_rules_group u, id_country u, id_state u, zipcode_from s12, zipcode_to s12, id_tax
    u, behavior i, description s100 | id_tax_rule | id_tax_rules_group
group: id_group id, reduction pct, price_display_method b, show_prices b, date_add dt, date_upd dt | id_group
group_lang: id_group u, id_lang u, name s32 | id_group,id_lang
customer: id_customer id, id_shop_group u, id_shop u, id_gender u, id_default_group u, id_lang un, firstname s255,
    lastname s255, email s255, passwd s255, newsletter b, newsletter_date_add dt, optin b, secure_key s32, active b,
    is_guest b, deleted b, date_add dt, date_upd dt | id_customer | email; id_shop,date_add
guest: id_guest id, id_customer un, accept_language sn8 | id_guest | id_customer
connections: id_connections id, id_shop_group u, id_shop u, id_guest u, id_page u, ip_address big, date_add dt,
    http_referer sn255 | id_connections | id_guest; date_add
carrier: id_carrier id, id_reference u, name s64, active b, deleted b | id_carrier
product: id_product id, id_shop_default u, id_tax_rules_group u, ecotax d6, price d6, wholesale_price d6, reference
    sn64, active b, is_virtual b, cache_default_attribute un, date_add dt, date_upd dt, state u 1.7+, product_type
    s16 8+ | id_product | date_add; state,date_upd 1.7+
product_shop: id_product u, id_shop u, id_tax_rules_group u, ecotax d6, price d6, wholesale_price d6, active b,
    date_add dt, date_upd dt | id_product,id_shop
product_lang: id_product u, id_shop u, id_lang u, description text, link_rewrite s128, name s128 |
    id_product,id_shop,id_lang
product_attribute: id_product_attribute id, id_product u, reference sn64, wholesale_price d6, price d6, ecotax d6,
    default_on bn | id_product_attribute | id_product
product_attribute_shop: id_product u, id_product_attribute u, id_shop u, wholesale_price d6, price d6, ecotax d6,
    default_on bn | id_product_attribute,id_shop
product_attribute_combination: id_attribute u, id_product_attribute u | id_attribute,id_product_attribute
product_attribute_image: id_product_attribute u, id_image u | id_product_attribute,id_image
attribute: id_attribute id, id_attribute_group u, color s32, position u | id_attribute
attribute_lang: id_attribute u, id_lang u, name s128 | id_attribute,id_lang
attribute_group: id_attribute_group id, is_color_group b, group_type s255, position u | id_attribute_group
attribute_group_lang: id_attribute_group u, id_lang u, name s128, public_name s64 | id_attribute_group,id_lang
image: id_image id, id_product u, position u, cover bn | id_image | id_product
image_shop: id_product u, id_image u, id_shop u, cover bn | id_image,id_shop
stock_available: id_stock_available id, id_product u, id_product_attribute u, id_shop u, id_shop_group u, quantity i
    | id_stock_available | id_product
specific_price: id_specific_price id, id_specific_price_rule u, id_cart u, id_product u, id_shop u, id_shop_group u,
    id_currency u, id_country u, id_group u, id_customer u, id_product_attribute u, price d6, from_quantity u,
    reduction d6, reduction_tax b, reduction_type kind, from dt, to dt | id_specific_price | id_product; id_cart;
    id_customer
product_group_reduction_cache: id_product u, id_group u, reduction red | id_product,id_group
cart: id_cart id, id_shop_group u, id_shop u, id_carrier u, delivery_option text, id_lang u, id_address_delivery u,
    id_address_invoice u, id_currency u, id_customer u, id_guest u, secure_key s32, recyclable b, gift b,
    gift_message text, mobile_theme b, allow_seperated_package b, date_add dt, date_upd dt, checkout_session_data
    text 1.7+ | id_cart | id_customer; id_guest; id_shop,date_upd; id_shop,date_add
cart_product: id_cart u, id_product u, id_address_delivery u, id_shop u, id_product_attribute u, id_customization u
    1.7+, quantity u, date_add dt | id_cart,id_product,id_product_attribute,id_customization,id_address_delivery
    1.7+; id_cart,id_product,id_product_attribute,id_address_delivery -1.6
customization: id_customization id, id_product_attribute u, id_address_delivery u, id_cart u, id_product u, quantity
    i, quantity_refunded i, quantity_returned i, in_cart b | id_customization,id_cart,id_product,id_address_delivery
    | id_cart,id_product,id_product_attribute
customized_data: id_customization u, type b, index i, value s255, id_module u 1.7+, price d6 1.7+, weight d6 1.7+ |
    id_customization,type,index
cart_rule: id_cart_rule id, id_customer u, date_from dt, date_to dt, description text, quantity u, quantity_per_user
    u, priority u, partial_use b, code s254, minimum_amount d6, minimum_amount_tax b, minimum_amount_currency u,
    minimum_amount_shipping b, cart_rule_restriction b, product_restriction b, free_shipping b, reduction_percent
    pct, reduction_amount d6, reduction_tax b, reduction_currency u, reduction_product i, reduction_exclude_special
    b 1.7+, gift_product u, gift_product_attribute u, highlight b, active b, date_add dt, date_upd dt,
    id_cart_rule_type un 9+ | id_cart_rule
cart_rule_lang: id_cart_rule u, id_lang u, name s254 | id_cart_rule,id_lang
cart_cart_rule: id_cart u, id_cart_rule u | id_cart,id_cart_rule
orders: id_order id, reference sn9, id_shop_group u, id_shop u, id_carrier u, id_lang u, id_customer u, id_cart u,
    id_currency u, id_address_delivery u, id_address_invoice u, current_state u, secure_key s32, payment s255,
    conversion_rate rate, module sn255, total_discounts d6, total_discounts_tax_incl d6, total_discounts_tax_excl
    d6, total_paid d6, total_paid_tax_incl d6, total_paid_tax_excl d6, total_paid_real d6, total_products d6,
    total_products_wt d6, total_shipping d6, total_shipping_tax_incl d6, total_shipping_tax_excl d6,
    carrier_tax_rate tax, total_wrapping d6, total_wrapping_tax_incl d6, total_wrapping_tax_excl d6, round_mode b,
    round_type b, invoice_number u, invoice_date dt, delivery_date dt, valid b, date_add dt, date_upd dt, note text
    8+ | id_order | reference; id_customer; id_cart; id_shop; date_add
order_detail: id_order_detail id, id_order u, id_shop u, product_id u, product_attribute_id un, id_customization un
    1.7+, product_name s255, product_quantity u, product_price d6, product_reference sn64, tax_rate tax,
    total_price_tax_incl d6, total_price_tax_excl d6, unit_price_tax_incl d6, unit_price_tax_excl d6 |
    id_order_detail | id_order
order_state: id_order_state id, invoice b, module_name sn255, hidden b, logable b, shipped b, paid b, deleted b |
    id_order_state
order_history: id_order_history id, id_employee u, id_order u, id_order_state u, date_add dt | id_order_history |
    id_order
order_cart_rule: id_order_cart_rule id, id_order u, id_cart_rule u, id_order_invoice u, name s254, value d6,
    value_tax_excl d6, free_shipping b, deleted b 1.7+ | id_order_cart_rule | id_order
order_slip: id_order_slip id, conversion_rate rate, id_customer u, id_order u, total_products_tax_excl d6,
    total_products_tax_incl d6, total_shipping_tax_excl d6, total_shipping_tax_incl d6, amount d6,
    shipping_cost_amount d6, partial b, date_add dt, date_upd dt | id_order_slip | id_customer; id_order
"""

_LINES = re.sub(r"\n +", " ", TABLES).strip().splitlines()
_ORDER = ["1.6", "1.7", "8", "9"]


def _is_there(mark: str, version: str) -> bool:
    at = _ORDER.index(version)
    if mark.endswith("+"):
        return at >= _ORDER.index(mark[:-1])
    return at <= _ORDER.index(mark[1:])


def _split_mark(text: str) -> tuple[str, str]:
    words = text.rsplit(" ", 1)
    if len(words) == 2 and (words[1].endswith("+") or words[1].startswith("-")):
        return words[0], words[1]
    return text, ""


def describe(version: str) -> dict[str, dict[str, str]]:
    """The columns of each table, with their kinds."""
    found = {}
    for line in _LINES:
        table, _colon, rest = line.partition(": ")
        columns = {}
        for column in rest.split(" | ")[0].split(", "):
            words, mark = _split_mark(column)
            name, kind = words.split(" ")
            if not mark or _is_there(mark, version):
                columns[name] = kind
        found[table] = columns
    return found


def statements(version: str, prefix: str, charset: str) -> list[str]:
    """CREATE TABLE for each."""
    made = []
    for line in _LINES:
        table, _colon, rest = line.partition(": ")
        _columns, primary, *keys = rest.split(" | ")
        lines = [f"`{name}` {_type(kind)}" for name, kind in describe(version)[table].items()]
        lines.append(f"PRIMARY KEY ({_names(_chosen(primary, version)[0])})")
        lines += [f"KEY ({_names(key)})" for key in _chosen(keys[0], version)] if keys else []
        made.append(f"CREATE TABLE `{prefix}{table}` ({', '.join(lines)}) ENGINE=InnoDB DEFAULT CHARSET={charset}")
    return made


def _chosen(keys: str, version: str) -> list[str]:
    marked = [_split_mark(key) for key in keys.split("; ")]
    return [names for names, mark in marked if not mark or _is_there(mark, version)]


def _names(columns: str) -> str:
    return ", ".join(f"`{name}`" for name in columns.split(","))


def _type(kind: str) -> str:
    if kind in KINDS:
        return KINDS[kind]
    if kind.startswith("sn"):
        return f"VARCHAR({kind[2:]}) DEFAULT NULL"
    return f"VARCHAR({kind[1:]}) NOT NULL DEFAULT ''"
