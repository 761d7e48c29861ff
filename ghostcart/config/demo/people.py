"""The demo's shoppers: made-up people of all six languages, and the browsers and crawlers they come with.

Addresses lie in domains that are reserved for examples; telephone numbers in ranges that are reserved for fiction,
and where a country has none, a person has no number.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from random import Random

from django.utils import translation
from faker import Faker

from ghostcart.lib.texts import fold
from ghostcart.storefront.texts import consent_text

LOCALES = {"en": "en_GB", "it": "it_IT", "es": "es_ES", "de": "de_DE", "fr": "fr_FR", "nl": "nl_NL"}
SWISS = "de_CH"
SWISS_SHARE = 0.25  # of those who speak German

LANGUAGE_MIX = {
    "fern": {"nl": 34, "de": 22, "fr": 14, "en": 12, "it": 9, "es": 9},
    "otter": {"en": 56, "de": 13, "fr": 9, "nl": 8, "es": 7, "it": 7},
}
"""Which languages come to which demo shop, in percent."""

_FICTION = {"GB": "+44 7700 900{:03d}", "FR": "+33 6 39 98 {:02d} 10", "DE": "+49 176 040690{:02d}"}
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:149.0) Gecko/20100101 Firefox/149.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.2 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:149.0) Gecko/20100101 Firefox/149.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.2 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36 "
    "Edg/146.0.0.0",
)
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/146.0.0.0 Safari/537.36",
    "python-requests/2.32.5",
)


@dataclass(slots=True, eq=False)
class Person:
    """Somebody who shops. `is_account` says whether they have an account or order as a guest."""

    number: int
    language: str
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    postcode: str
    city: str
    country: str
    is_account: bool
    free_at: datetime | None = None
    """From when on they may come again: nobody shops in two places at once."""
    registered_at: datetime | None = None
    consents: list[tuple[datetime, bool]] = field(default_factory=list)
    order_times: list[datetime] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def address(self) -> dict[str, str]:
        names = ("first_name", "last_name", "street", "postcode", "city", "country")
        return {name: getattr(self, name) for name in names}


class People:
    """Makes people, the same ones for the same seed; no two with the same address. One at a time in a process."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(f"people-{seed}")
        self._taken: set[str] = set()
        self._phones: set[str] = set()
        self._made = 0
        self._seed = seed
        self._seeded: set[str] = set()

    def language(self, shop_slug: str) -> str:
        """The language of the next visitor of a shop."""
        mix = LANGUAGE_MIX[shop_slug]
        return self._chance.choices(list(mix), list(mix.values()))[0]

    def make(self, language: str, account_share: float = 0.4) -> Person:
        """Somebody new who speaks this language."""
        chance = self._chance
        is_swiss = language == "de" and chance.random() < SWISS_SHARE
        locale = SWISS if is_swiss else LOCALES[language]
        faker = self._faker(locale)
        first, last, country = faker.first_name(), faker.last_name(), locale[-2:]
        self._made += 1
        phone = _FICTION[country].format(chance.randrange(100)) if country in _FICTION else ""
        phone = "" if phone in self._phones else phone  # who shares a number is taken for one person
        return Person(
            number=self._made,
            language=language,
            first_name=first,
            last_name=last,
            email=self._email(first, last, faker.safe_domain_name()),
            phone=self._kept_phone(phone) if chance.random() < 0.5 else "",
            street=faker.street_address().replace("\n", ", "),
            postcode=faker.postcode(),
            city=faker.city(),
            country=country,
            is_account=chance.random() < account_share,
        )

    def _kept_phone(self, phone: str) -> str:
        self._phones.add(phone)
        return phone

    def _email(self, first: str, last: str, domain: str) -> str:
        name = f"{_NOT_ALNUM.sub('', fold(first))}.{_NOT_ALNUM.sub('', fold(last))}"
        email, more = f"{name}@{domain}", 1
        while email in self._taken:
            more += 1
            email = f"{name}{more}@{domain}"
        self._taken.add(email)
        return email

    def _faker(self, locale: str) -> Faker:
        faker = _faker(locale)
        if locale not in self._seeded:
            self._seeded.add(locale)
            faker.seed_instance(f"{locale}-{self._seed}")
        return faker


@cache
def _faker(locale: str) -> Faker:
    """Slow to make, so shared; seeded anew by whoever starts to make people."""
    return Faker(locale)


@cache
def consent_sentence(language: str) -> str:
    """What a shopper of that language agrees to."""
    with translation.override(language):
        return consent_text()
