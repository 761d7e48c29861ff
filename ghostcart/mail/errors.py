"""Why something about mail is refused."""

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


class BadEmailUrl(GhostcartError):
    """EMAIL_URL names no way to send mail; `problem` says what is wrong with it, without its secrets."""

    code = "bad_email_url"
    sentence = _("The setting EMAIL_URL cannot be used: %(problem)s")


class NotInDoubt(GhostcartError):
    code, status = "not_in_doubt", 409
    sentence = _("This message is not in doubt any more.")


class TooLate(GhostcartError):
    """A message that no longer waits cannot be taken back."""

    code, status = "too_late", 409
    sentence = _("It was too late: the message is already on its way.")


class ErasedStays(GhostcartError):
    code, status = "erased_stays", 409
    sentence = _("This person’s data was erased: their address stays on the list.")


class BadFile(GhostcartError):
    """A list to import that cannot be read at all."""

    code = "bad_file"
    sentence = _("This file cannot be read. Save the list as CSV in UTF-8, with one address a line.")


class FileTooLong(GhostcartError):
    code = "file_too_long"
    sentence = _("This list has more than %(most)s lines. Divide it into several files.")


class TemplateFailed(GhostcartError):
    """A merchant's text cannot be drawn; `what` is the template language's own word for it, in English."""

    code = "template_failed"
    sentence = _("The text cannot be drawn: %(what)s")


class BadSender(GhostcartError):
    """An address of a mail's head that no mail server would take."""

    code = "bad_sender"
    sentence = _("“%(address)s” is not an address that mail can be sent from or to.")
