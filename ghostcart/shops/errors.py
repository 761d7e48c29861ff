"""Why something about a shop is refused."""

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


class NotConfirmed(GhostcartError):
    """Who never agreed may be written to only where the law allows it: somebody has to say so."""

    code = "not_confirmed"
    sentence = _("To remind people who never agreed to it, please confirm that you may.")
