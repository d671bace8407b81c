"""Expressions over columns: `support > 20 and status == "ok" and name ~ "rain"` (design §6).

The grammar is the part of Python's that compares and computes: `and or not`, `< <= > >= == !=`, `in`,
`+ - * /`, numbers, quoted text, column names and a few functions; `column ~ "text"` asks whether the text
occurs in the column, letter case ignored. Nothing of Python is ever run: the parsed expression is walked
and each node is computed by numpy on whole columns.
"""

from __future__ import annotations

import ast
import io
import operator
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store.columns import FeatureColumns

LONGEST = 2000
DEEPEST = 50
Column = npt.NDArray[Any]

COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: np.true_divide,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[Any], Any]] = {"abs": np.abs, "log10": np.log10, "sqrt": np.sqrt, "isnan": np.isnan}


@dataclass(frozen=True)
class Filter:
    """A checked expression.

    Attributes
    ----------
    text : str
        As the person wrote it.
    columns : frozenset of str
        Columns it reads.
    """

    text: str
    columns: frozenset[str]
    _tree: ast.expr

    def mask(self, columns: Mapping[str, Column]) -> npt.NDArray[np.bool_]:
        """Which rows satisfy it: a boolean array [n].

        Parameters
        ----------
        columns : mapping
            Name to array [n]; numbers, booleans or text. Comparisons with NaN are false.

        Raises
        ------
        ArdError
            For an unknown column, or where text meets a number.
        """
        unknown = sorted(self.columns - set(columns))
        if unknown:
            raise ArdError(
                f"there is no column '{unknown[0]}' to filter by", todo=f"Columns are: {', '.join(sorted(columns))}."
            )
        length = len(next(iter(columns.values()))) if columns else 0
        with np.errstate(all="ignore"):
            result = np.asarray(_Evaluation(self.text, columns).value(self._tree))
        if result.dtype != np.bool_:
            raise ArdError(f"the filter '{self.text}' gives no yes or no", todo='Compare something: "support > 20".')
        return np.ascontiguousarray(np.broadcast_to(result, (length,)))


def compile_filter(text: str) -> Filter:
    """Check an expression without any data; ArdError saying where it is wrong."""
    if len(text) > LONGEST:
        raise ArdError(f"the filter is longer than {LONGEST} characters")
    if not text.strip():
        raise ArdError("the filter is empty", todo='Write for example: "support > 20".')
    try:
        tree = ast.parse(_tilde_to_operator(text.strip()), mode="eval").body
    except SyntaxError as error:
        raise _wrong(text.strip(), "it cannot be understood", error.offset or len(text.strip()) + 1) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ArdError(f"the filter '{text}' cannot be understood") from error
    names: set[str] = set()
    _check(tree, text.strip(), names, 0)
    return Filter(text.strip(), frozenset(names), tree)


def _tilde_to_operator(text: str) -> str:
    """`a ~ b` as `a @ b`, an operator that Python parses between two operands and nobody needs here.

    Quoted text is left alone; positions stay the same, so that messages can point at them.
    """
    out = list(text)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.OP and token.string in ("~", "@"):
                row, column = token.start
                if token.string == "@" or row != 1:
                    raise _wrong(text, "it cannot be understood", column + 1)
                out[column] = "@"
    except (tokenize.TokenError, IndentationError):
        return text
    return "".join(out)


def _check(node: ast.AST, text: str, names: set[str], depth: int) -> None:
    """Accept only what the grammar above has; collect the columns."""
    if depth > DEEPEST:
        raise ArdError("the filter is nested too deeply")
    at = getattr(node, "col_offset", 0) + 1
    match node:
        case ast.Name(id=name):
            names.add(name)
            return
        case ast.Constant(value=bool() | int() | float() | str()):
            return
        case ast.Call(func=ast.Name(id=name), args=[one], keywords=[]):
            if name not in FUNCTIONS:
                raise _wrong(text, f"there is no function '{name}'; known: {', '.join(FUNCTIONS)}", at)
            _check(one, text, names, depth + 1)
            return
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
            children: list[ast.AST] = [node.operand]
        case ast.BoolOp():
            children = list(node.values)
        case ast.BinOp(op=ast.MatMult(), left=left, right=right):
            if not (isinstance(right, ast.Constant) and isinstance(right.value, str)):
                raise _wrong(text, "after ~ stands a text in quotes", right.col_offset + 1)
            children = [left]
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            children = [node.left, node.right]
        case ast.Compare(ops=ops, comparators=right_sides):
            for op, right in zip(ops, right_sides, strict=True):
                wants_list = isinstance(op, ast.In | ast.NotIn)
                if wants_list != isinstance(right, ast.List | ast.Tuple) or isinstance(op, ast.Is | ast.IsNot):
                    raise _wrong(text, 'use "in" with a list in brackets, and nothing else', right.col_offset + 1)
            children = [node.left]
            for right in right_sides:
                children += right.elts if isinstance(right, ast.List | ast.Tuple) else [right]
        case _:
            raise _wrong(text, "this is not allowed in a filter", at)
    for child in children:
        _check(child, text, names, depth + 1)


def _wrong(text: str, reason: str, position: int | None) -> ArdError:
    pointer = f"\n  {text}\n  {' ' * (position - 1)}^\n" if position else ""
    return ArdError(
        f"the filter '{text}' is wrong: {reason}{pointer}",
        todo='Filters look like: support > 20 and status == "ok" and name ~ "rain"',
    )


class _Evaluation:
    """Computes one checked tree on one set of columns."""

    def __init__(self, text: str, columns: Mapping[str, Column]) -> None:
        self.text, self.columns = text, columns

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                return self.columns[name]
            case ast.Constant(value=value):
                return value
            case ast.Call(func=ast.Name(id=name), args=[one]):
                return FUNCTIONS[name](self._number(one))
            case ast.UnaryOp(op=ast.Not(), operand=one):
                return np.logical_not(self._truth(one))
            case ast.UnaryOp(op=op, operand=one):
                return -self._number(one) if isinstance(op, ast.USub) else self._number(one)
            case ast.BoolOp(op=op, values=values):
                combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return combine.reduce(np.broadcast_arrays(*(self._truth(one) for one in values)))
            case ast.BinOp(op=ast.MatMult(), left=left, right=ast.Constant(value=needle)):
                return self._contains(left, str(needle))
            case ast.BinOp(op=op, left=left, right=right):
                return ARITHMETIC[type(op)](self._number(left), self._number(right))
            case ast.Compare():
                return self._comparisons(node)
        raise AssertionError(ast.dump(node))

    def _comparisons(self, node: ast.Compare) -> Any:
        """A chain `a < b < c` holds where each of its links does."""
        result: Any = np.True_
        left = self.value(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(right_node, ast.List | ast.Tuple):
                parts = [self._compare(operator.eq, left, self.value(one)) for one in right_node.elts]
                link = np.logical_or.reduce(np.broadcast_arrays(np.False_, *parts))
                link = np.logical_not(link) if isinstance(op, ast.NotIn) else link
            else:
                right = self.value(right_node)
                link, left = self._compare(COMPARE[type(op)], left, right), right
            result = np.logical_and(result, link)
        return result

    def _compare(self, how: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        if _is_text(left) != _is_text(right):
            raise ArdError(
                f"the filter '{self.text}' compares text with a number", todo="Put text in quotes, numbers not."
            )
        return how(_array(left), _array(right))

    def _contains(self, left: ast.expr, needle: str) -> Any:
        column = self.value(left)
        if not _is_text(column):
            raise ArdError(f"the filter '{self.text}' looks for text in a column of numbers")
        if isinstance(self.columns, FeatureColumns) and isinstance(left, ast.Name):
            return self.columns.contains(left.id, needle)
        wanted = needle.lower()
        if np.asarray(column).dtype.kind == "O":
            return np.fromiter((wanted in one.lower() for one in column), dtype=np.bool_, count=len(column))
        return np.char.find(np.char.lower(_array(column)), wanted) >= 0

    def _number(self, node: ast.expr) -> Any:
        value = self.value(node)
        if _is_text(value):
            raise ArdError(f"the filter '{self.text}' computes with text")
        return value

    def _truth(self, node: ast.expr) -> Any:
        value = np.asarray(self.value(node))
        if value.dtype != np.bool_:
            raise ArdError(
                f"the filter '{self.text}' joins something that is neither true nor false",
                todo='Compare on both sides of "and" and "or".',
            )
        return value


def _is_text(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "UOS"


def _array(value: Any) -> Column:
    found = np.asarray(value)
    return found.astype(str) if found.dtype.kind == "S" else found
