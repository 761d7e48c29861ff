"""What a transport is given, what it gives back, and the ways in which it says that it could not.

Between "surely not taken" and "surely taken" lies one step: the final dot of SMTP, the request to a provider, the file
in the mailbox. A transport calls `commit` right before that step, once, and goes no further if it raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ghostcart.mail.compose import Mail


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to go out; `mark` names its message and claim, for providers that report back."""

    mail: Mail
    recipient: str
    mark: str

    @property
    def sender(self) -> str:
        return self.mail.sender.addr_spec


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side said when it took the letter, and the id that it will report under, if it gave one."""

    answer: str
    message_id: str = ""


class Connection(Protocol):
    @property
    def is_open(self) -> bool: ...

    def hand_over(self, letter: Letter, commit: Callable[[], None]) -> Receipt:
        """Hand one letter over. Raises the errors below, and whatever `commit` raised."""
        ...

    def leave(self) -> None:
        """End the connection politely; never raises."""
        ...


class Transport(Protocol):
    """A way out for mail. `key` changes with its settings, `name` is for people and holds no secret."""

    @property
    def key(self) -> str: ...

    @property
    def name(self) -> str: ...

    def open(self) -> Connection:
        """Raises Unreachable and Misset."""
        ...


# -- errors ------------------------------------------------------------------------------------------


class NotTaken(Exception):
    """Surely not handed over. `reason` is a code, `answer` what the other side said."""

    def __init__(self, reason: str, answer: str = "") -> None:
        super().__init__(f"{reason}: {answer}")
        self.reason, self.answer = reason, answer


class Refused(NotTaken):
    """This message, for good; `blames_address`: nobody gets mail at this address."""

    def __init__(self, reason: str, answer: str = "", *, blames_address: bool = False) -> None:
        super().__init__(reason, answer)
        self.blames_address = blames_address


class PutOff(NotTaken):
    """This message, for now."""


class Unreachable(NotTaken):
    """Nothing can be handed over for now: the queue rests."""


class Misset(NotTaken):
    """Nothing can be handed over until somebody changes a setting: the queue is paused, no message is to blame."""


class Unanswered(Exception):
    """Nobody can know whether it was taken."""

    def __init__(self, answer: str = "") -> None:
        super().__init__(answer)
        self.answer = answer
