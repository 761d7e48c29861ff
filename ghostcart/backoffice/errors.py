"""Why something about staff is refused."""

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


class LastOwner(GhostcartError):
    code, status = "last_owner", 409
    sentence = _("%(shop)s would be left without an owner. Make somebody else an owner first.")


class OwnRole(GhostcartError):
    code, status = "own_role", 409
    sentence = _("Nobody can raise their own role.")


class OwnAccount(GhostcartError):
    code, status = "own_account", 409
    sentence = _("You cannot deactivate yourself.")


class NotYours(GhostcartError):
    code, status = "not_yours", 403
    sentence = _("This person also works for shops that you do not own. Only an owner of all of them may do this.")
