"""Liquid for texts that merchants write: no way out to files, settings or Python, and an end to every template.

A template is bounded in length, nesting, output and memory, and above all in fuel: each lookup, filter and turn of a
loop costs some, in proportion to what it handles. So it ends after the same work on every machine, by no clock.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, TextIO

import liquid
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError
from liquid.template import BoundTemplate

from ghostcart.mail import markup

LONGEST_SOURCE = 12_000
LONGEST_OUTPUT = 40_000  # bytes
FUEL = 1_000_000
"""About 50 ms of the slowest work. A loop over 200 lines in a text of 3,000 letters takes 600,000."""

_LONGEST_VALUE, _LONGEST_ARGUMENT, _MOST_ITEMS, _MOST_TURNS, _LARGEST_NUMBER = 20_000, 1_000, 1_000, 5_000, 10**15
_STEP = 20  # fuel of a lookup; a filter costs five of them, and what it reads and writes

FILTERS = frozenset({
    "append", "at_least", "at_most", "capitalize", "ceil", "compact", "default", "divided_by", "downcase", "first",
    "floor", "join", "last", "lstrip", "map", "minus", "modulo", "plus", "prepend", "remove", "remove_first", "replace",
    "replace_first", "reverse", "round", "rstrip", "size", "slice", "sort", "split", "squish", "strip",
    "strip_newlines", "sum", "times", "truncate", "truncatewords", "uniq", "upcase", "where",
})  # fmt: skip
TAGS = frozenset({"assign", "break", "capture", "case", "comment", "content", "continue", "echo", "for", "if",
                  "illegal", "output", "unless", "#"})  # fmt: skip
TEMPLATE_ERRORS = (LiquidError, RecursionError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
"""What a text may end in: Liquid's own errors, and those that its filters let through for odd values."""


class BlockValue:
    """A variable that stands for a block: `{{ cart_lines }}`. For filters it is empty."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return ""


class _Meter(RenderContext):
    """Counts the fuel. Every lookup, filter and loop of a rendering passes here."""

    __slots__ = ("fuel",)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fuel = FUEL

    def spend(self, amount: int) -> None:
        self.fuel -= amount
        if self.fuel < 0:
            raise ResourceLimitError("too much work", token=None)

    def get(self, path: list[object], **more: Any) -> object:
        self.spend(_STEP)
        return super().get(path, **more)

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        found = super().filter(name, token)

        def metered(value: object, *args: object, **more: object) -> object:
            self.spend(5 * _STEP + _extent(value))
            result = found(value, *args, **more)
            self.spend(_extent(result))
            return result

        return metered

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Called as a loop begins: its turns are paid for in advance, at the price of the whole text each."""
        assert isinstance(self.template, _Template)
        self.spend(length * max(_STEP, len(self.template.source)))
        super().raise_for_loop_limit(length)


class _Template(BoundTemplate):
    context_class = _Meter
    source: str = ""


class _GuardedOutput:
    """`{{ … }}` and `{% echo %}`: what a variable gives cannot act as markup; a block stands for itself."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)  # type: ignore[attr-defined]
        if isinstance(value, BlockValue):
            return buffer.write(markup.block(value.name))
        return buffer.write(markup.guard(_text(value)))


class _OutputNode(_GuardedOutput, OutputNode):
    __slots__ = ()


class _EchoNode(_GuardedOutput, EchoNode):
    __slots__ = ()


class _Output(Output):
    node_class = _OutputNode


class _Echo(EchoTag):
    node_class = _EchoNode


class _Safe(liquid.Environment):
    template_class = _Template
    block_nesting_limit = 20
    context_depth_limit = 30
    loop_iteration_limit = _MOST_TURNS
    local_namespace_limit = 100_000
    output_stream_limit = LONGEST_OUTPUT


def _text(value: object) -> str:
    """A value as a reader sees it; of structures nothing is shown."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "".join(_text(item) for item in value if isinstance(item, str | int | float))
    return ""


def _extent(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(len(item) if isinstance(item, str) else 20 for item in value[: _MOST_ITEMS + 1])
    return 0


def _refuse(what: str) -> None:
    raise FilterArgumentError(what, token=None)


def _weigh(value: object, longest: int) -> None:
    """Refuse what is too long or too large to go on with."""
    if isinstance(value, range) or (isinstance(value, list | tuple) and len(value) > _MOST_ITEMS):
        _refuse("too many items")
    if isinstance(value, str) and len(value) > longest:
        _refuse("too long")
    if isinstance(value, int | float) and not -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER:
        _refuse("too large a number")
    if isinstance(value, list | tuple):
        for item in value:
            _weigh(item, longest)


def _capped(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """The filter, with what goes in and what comes out weighed; what would grow most is reckoned beforehand."""

    @wraps(function)
    def capped(value: object, *args: object, **more: object) -> object:
        _weigh(value, _LONGEST_VALUE)
        for argument in args:
            _weigh(argument, _LONGEST_ARGUMENT)
        if name.startswith("replace") and len(args) > 1:
            left, old, new = (_text(part) for part in (value, *args[:2]))
            if len(left) + (left.count(old) if old else len(left) + 1) * len(new) > _LONGEST_VALUE:
                _refuse("too long")
        if name == "split" and isinstance(value, str):
            between = _text(args[0]) if args else ""
            if (value.count(between) if between else len(value)) > _MOST_ITEMS:
                _refuse("too many items")
        if name == "join" and isinstance(value, list | tuple):
            between = _text(args[0]) if args else " "
            if sum(len(_text(item)) + len(between) for item in value) > _LONGEST_VALUE:
                _refuse("too long")
        result = function(value, *args, **more)
        _weigh(result, _LONGEST_VALUE)
        return result

    return capped


_make_range = RangeLiteral._make_range


def _short_range(literal: RangeLiteral, start: object, stop: object) -> range:
    made = _make_range(literal, start, stop)
    if made.stop - made.start > _MOST_TURNS:
        raise ResourceLimitError("too long a range", token=literal.token)
    return made


# A range costs nothing, but Liquid lists what is `reversed`, walks to an `offset`, and searches one for what it
# `contains`: without this, (1..9999999999) takes all memory, or hours. There is no gentler place to hold it.
RangeLiteral._make_range = _short_range  # type: ignore[assignment,method-assign]


def _environment() -> _Safe:
    made = _Safe(undefined=liquid.Undefined)
    kept = {name: _capped(name, made.filters[name]) for name in FILTERS}
    made.filters.clear()
    made.filters.update(kept)
    for name in set(made.tags) - TAGS:
        del made.tags[name]
    made.add_tag(_Output)
    made.add_tag(_Echo)
    return made


_ENVIRONMENT = _environment()


@lru_cache(maxsize=512)
def compiled(source: str) -> BoundTemplate:
    """The template of a text, kept. Raises one of TEMPLATE_ERRORS."""
    if len(source) > LONGEST_SOURCE:
        raise ResourceLimitError("too long a text", token=None)
    source = markup.without_private(source)
    template = _ENVIRONMENT.from_string(source)
    assert isinstance(template, _Template)
    template.source = source
    return template


def render(source: str, values: Mapping[str, object]) -> str:
    """The text with its variables filled in; what is missing is empty. Raises one of TEMPLATE_ERRORS.

    Values must be tidy, as those of `values.variables` are: without control or private characters.
    """
    if "{" not in source:
        return markup.without_private(source)
    return compiled(source).render(values)


def message(error: Exception) -> str:
    """What Liquid says was wrong, on one line."""
    said = error.message if isinstance(error, LiquidError) else error
    return " ".join(str(said or type(error).__name__).split())[:200]
