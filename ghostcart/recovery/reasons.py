"""What each reason of a decision means, for staff. Codes are kept, sentences are made when they are shown."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: Mapping[str, str | Promise] = {
    # why nobody is written to
    "visitor": _("Nobody knows whose cart this is."),
    "waiting": _("The cart has not rested long enough yet."),
    "before_start": _("The cart was left before the campaign was started."),
    "erased": _("The person’s data was erased."),
    "restored": _("A backup was restored; it was probably sent before."),
    "ordered": _("The cart was ordered."),
    "deleted": _("The cart was deleted."),
    "merged": _("The cart went into another one when the shopper signed in."),
    "emptied": _("The cart is empty."),
    "changed": _("The cart was changed: the campaign starts over when it rests again."),
    "bought": _("The person has ordered since."),
    "bought_by_relative": _("Somebody at the same address or device has ordered since."),
    "order_void": _("The order was cancelled or refunded."),
    "unsubscribed": _("The person does not want these mails."),
    "suppressed": _("The address is on the list of those not to write to."),
    "bounced": _("Mail to this address came back."),
    "complained": _("The person reported a mail as spam."),
    "staff": _("Staff decided not to write to this address."),
    "no_address": _("There is no mail address."),
    "no_consent": _("There is no consent to such mails."),
    "bot": _("The cart looks like a machine’s."),
    "audience": _("The campaign is not for them: “%(field)s” does not fit."),
    "sold_out": _("Nothing in the cart can be bought any more."),
    "stale": _("It would have come too late."),
    # others
    "held_out": _("The person is held out, to see what the campaign brings."),
    "held_out_elsewhere": _("The person is held out by another campaign of this kind."),
    "other_voice": _("Another campaign is speaking to the person."),
    "newer_cart": _("A newer cart of the person took over."),
    "outranked": _("A campaign with a higher priority took over."),
    # a single message
    "campaign_paused": _("The campaign is paused."),
    "clock_wrong": _("The clock leapt, or no worker was there for very long. Nothing goes out until staff resume it."),
    "campaign_ended": _("The campaign has ended."),
    "step_removed": _("This step was taken out of the campaign."),
    "previous_failed": _("The mail before could not be sent."),
    "previous_waits": _("The mail before is still on its way."),
    "not_yet": _("It is not due yet."),
    "cap": _("The person got as many mails as they may in some days."),
    "quiet_hours": _("These are quiet hours."),
    "voucher_waits": _("The shop could not take the voucher, so the mail waits."),
    "ask_a_person": _("Much speaks for somebody who waits for vouchers: staff decide."),
    "ended": _("The person is no longer in the campaign."),
    "completed": _("All mails of the campaign were sent."),
    "given_up": _("The mail could not be sent, however often it was tried."),
    "refused": _("The mail was refused."),
    # a whole campaign
    "unusual_size": _("The campaign paused itself: it would take in %(size)s people, far more than usual."),
}
_TOLD: Mapping[str, str | Promise] = {
    "enrolled": _("Taken into the campaign."),
    "sent": _("The mail goes out."),
    "passed": _("Passed over. %(why)s"),
    "moved": _("Put off. %(why)s"),
    "dropped": _("Not sent. %(why)s"),
    "ended": _("Ended. %(why)s"),
}
OTHER = _("There was another reason: %(reason)s.")

FIELDS: Mapping[str, str | Promise] = {
    "languages": _("Language"),
    "countries": _("Country"),
    "currencies": _("Currency"),
    "value_min_minor": _("Value at least"),
    "value_max_minor": _("Value at most"),
    "items_min": _("Items at least"),
    "items_max": _("Items at most"),
    "product_ids_in": _("With products"),
    "product_ids_out": _("Without products"),
    "category_ids_in": _("With categories"),
    "category_ids_out": _("Without categories"),
    "buyers": _("New or returning"),
    "orders_min": _("Orders at least"),
    "orders_max": _("Orders at most"),
    "newsletter": _("Newsletter"),
    "groups": _("Customer group"),
}
"""What the conditions of an audience are called."""


def told(verdict: str, reason: str, details: Mapping[str, Any] | None = None) -> str:
    """A decision as a sentence or two, in the active language."""
    if verdict == "enrolled" and reason:
        return sentence(reason, details)
    return str(_TOLD.get(verdict, "%(why)s")) % {"why": sentence(reason, details) if reason else ""}


def sentence(reason: str, details: Mapping[str, Any] | None = None) -> str:
    """The reason as a sentence in the active language."""
    values = {"reason": reason, "field": "", "size": "", **(details or {})}
    values["field"] = str(FIELDS.get(str(values["field"]), values["field"]))
    return str(SENTENCES.get(reason, OTHER)) % values
