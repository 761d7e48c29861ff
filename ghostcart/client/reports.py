"""What the follow-ups caused and what followed them, as the API gives it."""

from datetime import datetime

from msgspec import Struct

from ghostcart.client.records import Money


class Range(Struct, frozen=True):
    """An estimate with its limits, which stay valid however often one looks."""

    estimate: float
    low: float
    high: float


class MoneyRange(Struct, frozen=True):
    """The same of money, in minor units of `currency`."""

    currency: str
    estimate: float
    low: float
    high: float


class Arm(Struct, frozen=True):
    """People who were followed to the end, and how many of them bought."""

    people: int
    buyers: int


class Caused(Struct, frozen=True):
    """What writing brought, against those held out. None where it is too early; `needed` more people would do."""

    contacted: Arm
    held_out: Arm
    orders: Range | None
    revenue: list[MoneyRange]
    margin: list[MoneyRange]
    needed: int


class Attributed(Struct, frozen=True):
    """What followed the mails of the period. `by_machines`: opened or clicked by machines alone."""

    sent: int
    delivered: int
    opened: int
    clicked: int
    restored: int
    unsubscribed: int
    bounced: int
    by_machines: int
    ordered: int
    revenue: list[Money]
    margin: list[Money]
    vouchers: list[Money]


class CampaignReport(Struct, frozen=True):
    campaign_id: int
    name: str
    kind: str
    state: str
    caused: Caused
    attributed: Attributed


class Report(Struct, frozen=True):
    """Of the last days in the shop's time zone, today among them."""

    since: datetime
    until: datetime
    campaigns: list[CampaignReport]
    total: Attributed
