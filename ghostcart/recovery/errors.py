"""Why something about follow-ups is refused."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError
from ghostcart.recovery import reasons


class WrongCampaignState(GhostcartError):
    code, status = "wrong_campaign_state", 409
    sentence = _("The campaign is not in a state in which this can be done.")


class NotReady(GhostcartError):
    """A campaign that cannot be started yet; `problems` are whole sentences."""

    code = "campaign_not_ready"
    sentence = _("The campaign cannot be started yet: %(problems)s")

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(problems=" ".join(problems))


class BackfillChanged(GhostcartError):
    """The number that was confirmed is not the number of people there are now."""

    code, status = "backfill_changed", 409
    sentence = _("There are now %(count)s people in the back-fill. Look again and confirm that number.")


class HoldoutFixed(GhostcartError):
    code, status = "holdout_fixed", 409
    sentence = _("The share of those held out cannot change once the campaign has run: its figures would mean nothing.")


class BadCampaign(GhostcartError):
    """A value of a campaign or step that cannot be kept."""

    code = "bad_campaign"
    sentence = _("“%(field)s” cannot be kept like this.")


class LastStep(GhostcartError):
    code, status = "last_step", 409
    sentence = _("A campaign that runs needs at least one step.")


class CannotBeSent(GhostcartError):
    """A mail by hand that must not go out; `reason` is one of `reasons`."""

    code, status = "cannot_be_sent", 409
    sentence = _("This mail is not sent. %(why)s")

    def __init__(self, reason: str, **details: Any) -> None:
        self.reason = reason
        super().__init__(why=reasons.sentence(reason, details))


class BadText(GhostcartError):
    """A text that cannot be drawn; `problems` are whole sentences."""

    code = "bad_text"
    sentence = _("The text cannot be sent: %(problems)s")

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems=" ".join(problems))


class NotCallable(GhostcartError):
    code = "bad_call"
    sentence = _("Choose what came of the call; a time to call again lies in the future.")
