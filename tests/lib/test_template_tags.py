"""Amounts and moments as pages write them: what is kept of them is never shown to somebody who reads otherwise."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from ghostcart.lib import template_tags as tags

EVENING = datetime(2026, 11, 21, 22, 30, 15, 999_999, tzinfo=UTC)


def written(language, zone="UTC"):
    with translation.override(language), timezone.override(ZoneInfo(zone)):
        return [
            tags.moment(EVENING),
            tags.moment(EVENING, "short"),
            tags.money(123_456, "EUR"),
            tags.number(1234.5),
            tags.when(EVENING),
        ]


@pytest.mark.parametrize("_again", range(2))
def test_each_language_and_time_zone_reads_its_own(_again):
    assert written("en")[1:4] == ["11/21/26, 10:30\N{NARROW NO-BREAK SPACE}PM", "€1,234.56", "1,234.5"]
    assert written("de")[:4] == ["21.11.2026, 22:30:15", "21.11.26, 22:30", "1.234,56\N{NO-BREAK SPACE}€", "1.234,5"]
    assert written("de", "Europe/Rome")[:2] == ["21.11.2026, 23:30:15", "21.11.26, 23:30"]
    assert written("de", "Asia/Kathmandu")[:2] == ["22.11.2026, 04:15:15", "22.11.26, 04:15"]
    assert "21.11.2026, 23:30:15" in written("de", "Europe/Rome")[4]


@pytest.mark.parametrize(
    ("language", "shares"),
    [("en", ["39.2%", "1,250%"]), ("it", ["39,2%", "1.250%"]), ("de", ["39,2\xa0%", "1.250\xa0%"]),
     ("fr", ["39,2\xa0%", "1\u202f250\xa0%"])],
)  # fmt: skip
def test_a_share_is_written_as_the_language_writes_percent(language, shares):
    with translation.override(language):
        assert [tags.percent(0.3925), tags.percent(12.5, 0)] == shares


def test_languages_are_called_by_name():
    with translation.override("fr"):
        assert [tags.language_name(code) for code in ("de", "fr", "xq", "")] == ["Allemand", "Français", "XQ", ""]


def test_the_same_instant_told_in_two_time_zones_reads_alike():
    there = EVENING.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert tags.moment(there) == tags.moment(EVENING)


def test_a_currency_from_elsewhere_is_only_text():
    page = Template("{% money 100 code %}").render(Context({"code": "<b>"}))
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_an_icon_s_label_is_only_text():
    for label in ("<b>", "", "<b>"):
        page = Template("{% icon 'ghost' label %}").render(Context({"label": label}))
        assert "<b>" not in page
        assert ("&lt;b&gt;" in page) == bool(label)
