"""Clicks and openings: those of machines are told from those of people, and no mail fills the table."""

from datetime import timedelta

import pytest

from ghostcart.mail import links, tracking
from ghostcart.mail.models import By, EventKind, MessageEvent, Purpose
from ghostcart.mail.tracking import RequestFacts
from tests import factories
from tests.factories import NOON
from tests.mail.letters import A_PERSON, letter
from tests.races import together

pytestmark = pytest.mark.django_db
threads = pytest.mark.django_db(transaction=True)
LATER = NOON + timedelta(hours=2)


@pytest.fixture
def mail():
    shop = factories.shop()
    return letter(shop, factories.customer(shop))


def click(mail, purpose=Purpose.RESTORE, *, at=LATER, agent=A_PERSON, method="GET", place="a"):
    link = links.find(mail.tokens[purpose], purpose, at)
    event = tracking.note(link, EventKind.CLICKED, seen=RequestFacts(method, agent, place), now=at)
    return (event.by, event.cause) if event else None


def test_a_click_hours_after_the_mail_with_a_browser_is_a_persons(mail):
    assert click(mail) == (By.PERSON, "")


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ({"method": "HEAD"}, "head"),
        ({"agent": ""}, "no_user_agent"),
        ({"agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0"}, "headless"),
        ({"agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, "crawler"),
        ({"agent": "Mozilla/5.0 Mimecast-URL-Protect"}, "scanner"),
        ({"at": NOON + timedelta(seconds=9)}, "fast"),
    ],
)
def test_machines_are_recognised(mail, what, cause):
    assert click(mail, **what) == (By.MACHINE, cause)


def test_ten_seconds_after_the_sending_it_can_be_a_person(mail):
    assert click(mail, at=NOON + timedelta(seconds=10))[0] == By.PERSON


def test_a_mail_that_is_not_even_noted_as_sent_is_opened_by_a_machine(mail):
    mail.message.sent_at = None
    mail.message.save(update_fields=["sent_at"])
    assert click(mail) == (By.MACHINE, "fast")


def test_who_opens_every_link_at_once_was_a_machine_from_the_first_one_on(mail):
    for number, purpose in enumerate((Purpose.STOP, Purpose.PREFERENCES)):
        assert click(mail, purpose, at=LATER + timedelta(seconds=number))[0] == By.PERSON
    assert click(mail, Purpose.RESTORE, at=LATER + timedelta(seconds=2)) == (By.MACHINE, "all_links")
    assert set(MessageEvent.objects.values_list("by", "cause")) == {(By.MACHINE, "all_links")}


def test_who_opens_them_one_after_the_other_stays_a_person(mail):
    for number, purpose in enumerate((Purpose.STOP, Purpose.PREFERENCES, Purpose.RESTORE)):
        assert click(mail, purpose, at=LATER + timedelta(seconds=4 * number))[0] == By.PERSON


def test_one_link_from_three_networks_is_a_machines(mail):
    assert [click(mail, place=place)[0] for place in "aab"] == [By.PERSON] * 3
    assert click(mail, place="c") == (By.MACHINE, "many_places")
    assert click(mail, place="a", at=LATER + timedelta(days=2))[0] == By.PERSON


def test_the_recorded_pattern_of_a_scanner_is_no_click_of_a_person(mail):
    """All links, from five addresses, twice, within a second or two (reliability-security.md, P11)."""
    for turn in range(2):
        for number, place in enumerate("abcde"):
            for purpose in (Purpose.RESTORE, Purpose.STOP, Purpose.PREFERENCES):
                method = "HEAD" if number % 2 else "GET"
                click(
                    mail, purpose, at=LATER + timedelta(seconds=turn, milliseconds=number), place=place, method=method
                )
    assert not MessageEvent.objects.exclude(by=By.MACHINE).exists()


def test_no_more_than_a_few_are_kept_of_a_mail(mail):
    for number in range(tracking.MOST + 15):
        click(mail, at=LATER + timedelta(minutes=number))
    assert MessageEvent.objects.count() == tracking.MOST


@threads
def test_the_limit_holds_for_clicks_that_come_together():
    shop = factories.shop()
    mail = letter(shop, factories.customer(shop))
    for number in range(tracking.MOST - 2):
        click(mail, at=LATER + timedelta(minutes=number))
    together([lambda: click(mail, at=LATER)] * 8)
    assert MessageEvent.objects.count() == tracking.MOST


def test_a_picture_that_a_mail_program_fetched_proves_nobody(mail):
    link = links.find(mail.tokens[Purpose.SEEN], Purpose.SEEN, LATER)
    for agent, by in (
        (A_PERSON, By.UNSURE),
        ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", By.UNSURE),
        ("", By.MACHINE),
    ):
        assert tracking.note(link, EventKind.OPENED, seen=RequestFacts("GET", agent), now=LATER).by == by


def test_a_button_is_pressed_by_people(mail):
    link = links.find(mail.tokens[Purpose.RESTORE], Purpose.RESTORE, LATER)
    tracking.note_person(link, EventKind.RESTORED, "button", LATER)
    assert MessageEvent.objects.get().by == By.PERSON
