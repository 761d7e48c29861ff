"""How a connection is doing, in sentences: for its page and for the health page."""

from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ghostcart.connectors import errors, queries
from ghostcart.connectors.models import Connection, State
from ghostcart.lib.template_tags import number

MENDING: dict[str, str | Promise] = {
    "cannot_connect": gettext_lazy(
        "Check that the database server runs and can be reached from here: its bind-address, its firewall, and from "
        "which hosts the user may sign in. It is tried again by itself."
    ),
    "connection_lost": gettext_lazy("It is tried again by itself and goes on where it stopped. Nothing is missed."),
    "too_slow": gettext_lazy(
        "It is tried again by itself. If it stays: tick “Spare the shop's database” in the options, or ask the host "
        "of the database what keeps it busy."
    ),
    "access_denied": gettext_lazy(
        "Was the password changed? Enter the new one. Reading goes on where it stopped."
    ),
    "secret_lost": gettext_lazy("Reading goes on where it stopped."),
    "encryption_needed": gettext_lazy("Enter the address again with “Encrypted connection” ticked."),
    "no_such_database": gettext_lazy("Check the name of the database, and that the user may read it."),
    "not_a_prestashop": gettext_lazy(
        "Check the prefix of the tables (“database_prefix” in the shop's parameters.php). After an upgrade in progress "
        "it mends itself."
    ),
    "missing_right": gettext_lazy(
        "Grant the right in the shop's database. It is tried again by itself."
    ),
    "no_such_shop": gettext_lazy("Was the shop deleted there? Then detach it here; its data can be kept."),
    "cannot_call": gettext_lazy("Check the shop's address. It is tried again by itself."),
    "key_refused": gettext_lazy(
        "Check in the shop, under Advanced parameters, Webservice, that it is switched on and the key is active."
    ),
    "missing_key_right": gettext_lazy("Give the key this right in the shop. It is tried again by itself."),
    "no_webservice": gettext_lazy("Switch the web service on in the shop. It is tried again by itself."),
    "redirected": gettext_lazy("Detach the shop and attach it again at that address: nothing is doubled."),
    "webservice_trouble": gettext_lazy("It is tried again by itself. The shop's own log says more."),
    "strange_answer": gettext_lazy("It is tried again by itself. The shop's own log says more."),
    "database_trouble": gettext_lazy(
        "It is tried again by itself. The log of the database server says more about this number."
    ),
}  # fmt: skip
SILENT_MENDING = gettext_lazy("No worker reads it. Start one: ghostcart worker")


def trouble(connection: Connection, now: datetime) -> str:
    """What is wrong, as a sentence; empty if nothing is."""
    if connection.trouble_at is not None:
        return errors.explain(connection.trouble)
    return _("The shop has not been read for a while.") if queries.is_silent(connection, now) else ""


def mending(connection: Connection, now: datetime) -> str:
    """What to do about it; empty where nothing is wrong or nothing is known."""
    if connection.trouble_at is not None:
        return str(MENDING.get(connection.trouble.partition(":")[0], ""))
    return str(SILENT_MENDING) if queries.is_silent(connection, now) else ""


def state(connection: Connection, now: datetime) -> str:
    """What the connection is doing, with how far it is or how far behind."""
    if connection.state == State.PAUSED:
        return _("Nothing is read until you go on. Then it goes on where it stopped.")
    if connection.state == State.IMPORTING:
        return progress(connection)
    if connection.read_at is None:
        return _("About to be read for the first time.")
    behind = max(0, int((now - connection.read_at).total_seconds()))
    if behind < 120:
        told = ngettext("%(shown)s second behind", "%(shown)s seconds behind", behind)
        return told % {"shown": number(behind)}
    minutes = behind // 60
    told = ngettext("%(shown)s minute behind", "%(shown)s minutes behind", minutes)
    return told % {"shown": number(minutes)}


def progress(connection: Connection) -> str:
    if not connection.total:
        return _("The import begins: what is there is being counted.")
    return _("%(done)s of %(total)s rows have come in.") % {
        "done": number(min(connection.done, connection.total)), "total": number(connection.total)
    }  # fmt: skip
