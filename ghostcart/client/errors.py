"""What can go wrong with a call."""

from typing import Any


class ApiError(Exception):
    """Ghostcart refused a call. `code` is stable and meant for programs, `detail` is a sentence for people.

    `params` holds what the sentence names, `errors` what is wrong with the body, field by field.
    """

    def __init__(self, status: int, code: str, detail: str, params: dict[str, Any], errors: list[Any]) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.status, self.code, self.detail = status, code, detail
        self.params, self.errors = params, errors

    @property
    def field(self) -> str:
        """The place of what is wrong: `lines[0].price`; empty if it is not in the body."""
        if "field" in self.params:
            return str(self.params["field"])
        return next((str(one["key"]) for one in self.errors if isinstance(one, dict) and "key" in one), "")


class Unreachable(Exception):
    """There was no answer, however often it was tried. Perhaps it was done; a fact told again changes nothing."""
