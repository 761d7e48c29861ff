"""Why something about webhooks is refused."""

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


class TooManyEndpoints(GhostcartError):
    code, status = "too_many_endpoints", 409
    sentence = _("A shop can have %(most)s endpoints. Delete one first.")


class EndpointOff(GhostcartError):
    code, status = "endpoint_off", 409
    sentence = _("The endpoint is switched off. Switch it on first.")


class StillUnderWay(GhostcartError):
    code, status = "delivery_under_way", 409
    sentence = _("This delivery is still under way: it is tried again by itself.")
