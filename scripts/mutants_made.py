"""The mutants of `scripts.mutants`: each one function or constant with one small change, made from the syntax tree."""

import ast
import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent.parent / "ghostcart"
SWAPS: dict[type[ast.AST], tuple[type[Any], ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.And: (ast.Or,), ast.Or: (ast.And,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,), ast.FloorDiv: (ast.Mult,), ast.Mod: (ast.Mult,), ast.USub: (ast.UAdd,),
    ast.BitOr: (ast.BitAnd,), ast.BitAnd: (ast.BitOr,),
}  # fmt: skip
NEVER = ("annotation", "returns", "decorator_list")
NOTHING = ("_(", "gettext(", "log.", "ValueError(", "strict=")
"""What begins like this decides nothing: it is for people to read, or holds anyway."""
_WORD = re.compile(r"\w+|[<>=!]+|\S")


class Mutant(NamedTuple):
    file: str
    unit: str
    """The function ("Class.method") or constant."""
    source: str
    change: str

    @property
    def key(self) -> str:
        return hashlib.sha256("\0".join((self.file, self.unit, self.source)).encode()).hexdigest()[:16]


def units(file: str) -> Iterator[tuple[str, ast.stmt]]:
    """Functions and methods without their decorators, and constants of the module, by name."""
    for node in ast.parse((FOLDER / file).read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                yield target.id, node
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef):
                inner.decorator_list = []
                inner.body = inner.body[ast.get_docstring(inner) is not None :] or [ast.Pass()]
                yield f"{node.name}.{inner.name}" if isinstance(node, ast.ClassDef) else inner.name, inner


def mutants(file: str, name: str, unit: ast.stmt) -> Iterator[Mutant]:
    before = ast.unparse(unit)
    for source in _changed(unit, unit):
        yield Mutant(file, name, source, _told(before, source))


def _changed(unit: ast.AST, node: ast.AST) -> Iterator[str]:
    """The unit with each change below `node` in turn."""
    for name, held in ast.iter_fields(node):
        for place, old in enumerate(held if isinstance(held, list) else [held]):
            if name in NEVER or not isinstance(old, ast.AST) or ast.unparse(old).startswith(NOTHING):
                continue
            for new in _instead_of(old, is_condition=name in ("test", "ifs")):
                setattr(node, name, [*held[:place], new, *held[place + 1 :]] if isinstance(held, list) else new)
                yield ast.unparse(unit)
                setattr(node, name, held)
            yield from _changed(unit, old)


def _instead_of(node: ast.AST, is_condition: bool) -> Iterator[ast.AST]:
    yield from (other() for other in SWAPS.get(type(node), ()))
    match node:
        case ast.BoolOp(op=op, values=values):
            for place in range(len(values)):  # one condition less
                rest = values[:place] + values[place + 1 :]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Return(value=ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not())):
            yield from (ast.Return(ast.Constant(value)) for value in (True, False))
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Continue() | ast.Delete() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() | ast.Tuple(elts=[ast.Attribute(), *_]), *_]):
            yield ast.Pass()
        case ast.Name() | ast.Attribute() | ast.Call() | ast.NamedExpr() if is_condition:
            yield ast.UnaryOp(ast.Not(), node)


def _told(old: str, new: str) -> str:
    """What differs, in whole words, with a little of its line around it."""
    one, other = ([match.span() for match in _WORD.finditer(text)] for text in (old, new))
    words, others = [old[start:end] for start, end in one], [new[start:end] for start, end in other]
    head = _same(words, others)
    tail = min(_same(words[::-1], others[::-1]), min(len(words), len(others)) - head)
    start, until, now_until = one[head][0] if head < len(one) else len(old), len(one) - tail, len(other) - tail
    was = old[start : one[until - 1][1]] if until > head else ""
    now = new[start : other[now_until - 1][1]] if now_until > head else ""
    before = old[:start].rpartition("\n")[2].lstrip()[-32:]
    behind = old[start + len(was) :].partition("\n")[0][:24]
    return f"{before}«{was} → {now}»{behind}".replace("|", "\\|")  # it stands in tables


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words at the beginning are the same."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))
