"""The one family of errors a person may read. Doors turn them into HTTP answers or page messages."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class GhostcartError(Exception):
    """Something asked for cannot be done.

    `code` is stable and meant for programs; `sentence` is translatable and meant for people, with named
    placeholders filled from `params`; `status` is the HTTP status that doors answer with.
    """

    code: str = "error"
    status: int = 422
    sentence: str | Promise = _("This cannot be done.")

    def __init__(self, **params: Any) -> None:
        self.params = params
        super().__init__(self.code)

    def __str__(self) -> str:
        """The sentence in the active language."""
        return str(self.sentence) % self.params if self.params else str(self.sentence)


class SavedMeanwhile(GhostcartError):
    """What is to be written over is not what its writer was shown (`lib.marks`)."""

    code, status = "saved_meanwhile", 409
    sentence = _(
        "Somebody else has saved this meanwhile. Nothing of theirs is overwritten, and what you typed is still here: "
        "save again to put it in place of theirs."
    )
