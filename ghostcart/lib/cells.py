"""Cells of tables that spreadsheets will open: what shoppers typed must not run there as a formula."""

import re

_STARTS = r"[=+\-@\t\r＝＋－＠]"
_FORMULA = re.compile(rf"(^|[;\t\r\n])(?={_STARTS})")


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: a leading apostrophe says that it is text.

    Also after a semicolon, tab or line break: where lists are separated by semicolons, a CSV file is cut there too.
    """
    return _FORMULA.sub(r"\1'", text)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a cell with this text for a formula."""
    return re.match(_STARTS, text) is not None
