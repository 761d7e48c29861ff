"""When the mail server as a whole is in trouble: the queue rests, and the health page says why, in a sentence."""

from datetime import datetime, timedelta

from django.db.models import F
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from ghostcart.mail import home, transports
from ghostcart.mail.errors import BadEmailUrl
from ghostcart.mail.handover import Misset, NotTaken, Transport
from ghostcart.mail.models import Relay

SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)
PAUSE = timedelta(minutes=5)
"""After a refused password: trying on and on gets accounts locked. A new EMAIL_URL is tried at once."""

SENTENCES: dict[str, str | Promise] = {
    "unreachable": _("The mail server %(server)s cannot be reached. Mail is kept, and tried again by itself."),
    "silent": _("The mail server %(server)s does not answer. Mail is kept, and tried again by itself."),
    "busy": _("The mail server %(server)s takes no mail at the moment. Mail is kept, and tried again by itself."),
    "login_refused": _("The mail server %(server)s refuses the user or password. Mail is kept; check EMAIL_URL."),
    "tls_failed": _(
        "The connection to the mail server %(server)s cannot be encrypted safely. Mail is kept; check its certificate."
    ),
    "tls_not_offered": _("The mail server %(server)s offers no encryption, and EMAIL_URL asks for it. Mail is kept."),
}


def is_resting(transport: Transport, now: datetime) -> bool:
    until = Relay.objects.filter(pk=transport.key).values_list("rests_until", flat=True).first()
    # Never longer than it could have been told to: a clock that was set back must not stop the mail for a year.
    return until is not None and now < until <= now + LONGEST


def note_trouble(transport: Transport, trouble: NotTaken, now: datetime) -> None:
    """Let the queue rest, longer each time."""
    relay, _is_new = Relay.objects.get_or_create(pk=transport.key)
    first = PAUSE if isinstance(trouble, Misset) else SHORTEST
    rest = min(first * 2 ** min(relay.failures, 10), LONGEST)
    Relay.objects.filter(pk=relay.pk).update(
        trouble=trouble.reason,
        answer=trouble.answer[:300],
        failures=F("failures") + 1 if relay.failures < 100 else 100,
        since=relay.since or now,
        rests_until=now + rest,
    )


def note_well(transport: Transport) -> None:
    Relay.objects.filter(pk=transport.key).exclude(trouble="").update(
        trouble="", answer="", failures=0, since=None, rests_until=None
    )


def trouble() -> str:
    """One sentence on why no mail goes out, in the active language; empty if nothing is known to be wrong."""
    if away := home.trouble():
        return away
    try:
        transport = transports.current()
    except BadEmailUrl as error:
        return str(error)
    return trouble_of(transport) if transport else _now("EMAIL_URL is not set, so mail is kept and not sent.")


def trouble_of(transport: Transport) -> str:
    """What the last attempt met, in a sentence; empty if it went well."""
    relay = Relay.objects.filter(pk=transport.key).exclude(trouble="").first()
    if relay is None:
        return ""
    sentence = str(SENTENCES.get(relay.trouble, SENTENCES["unreachable"])) % {"server": transport.name}
    return f"{sentence} ({relay.answer})" if relay.answer else sentence
