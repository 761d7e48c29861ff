"""Why a program with a key is refused."""

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


class MissingKey(GhostcartError):
    code, status = "missing_key", 401
    sentence = _("Send an API key: “Authorization: Bearer gck_…”.")


class WrongKey(GhostcartError):
    code, status = "wrong_key", 401
    sentence = _("This API key is unknown, has ended or was revoked.")


class WrongScope(GhostcartError):
    code, status = "wrong_scope", 403
    sentence = _("This API key may not do this: it lacks the scope “%(scope)s”.")


class BadKey(GhostcartError):
    """What staff asked of a key cannot be kept; `field` says which of its values."""

    code = "bad_key"
    sentence = _("“%(field)s” cannot be kept like this.")
