"""Faults under a disclosure profile: they say what is wrong in our words and the design's, and quote nothing else."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sos_eval.bundle.sentences import public_counts
from sos_eval.design.design import Design
from sos_eval.errors import Fault, InputFault, OurFault
from sos_eval.limits import FileLimits, limits

__all__ = ["discreet", "discreet_words"]

#: Rooms whose faults are about data, and whose words are therefore ours.
_ROOMS = ("panel", "comparison", "estimators", "inference", "checks", "results", "numerics", "design", "jobs")
_FILES = ("errors.py", "declare.py", "limits.py", "terms.py")
_WORD = re.compile(r"[^\W\d_]+(?:_[^\W\d_]+)*")
#: Places in a file, which are nobody's data.
_LINES = r"\b(?:line|row) \d+|\b(?:line|row)s \d+(?:(?:, | and | to |-)\d+\b(?! more))*"
_RANGE = r"[A-Z]{1,3}\d+:[A-Z]{1,3}\d+"
_MERGED = rf"merged cells \({_RANGE}(?:(?:, | and ){_RANGE})*"
_PIECE = re.compile(rf"(?P<lines>{_LINES}|{_MERGED})|(?P<token>[^\s,;:()\"'«»]+)")
_WITHHELD = "…"
_AGAIN = re.compile(rf"{_WITHHELD}(?:[\s,]*(?:and )?{_WITHHELD})+")


@contextmanager
def discreet(design: Design) -> Iterator[None]:
    """Let no fault quote the data: neither cells nor identifiers, whatever went wrong.

    Raises
    ------
    InputFault
        The fault as it was, every word and number withheld that is neither ours nor the design's; lines and rows
        stay, and how many units, periods and draws there are.
    OurFault
        In place of any other exception, without its message; the traceback stays.
    """
    if not design.disclosure.guards:
        yield
        return
    try:
        yield
    except InputFault as error:
        told = discreet_words(design)
        faults = [Fault(one.where, told(one.what), told(one.instead)) for one in error.faults]
        raise type(error)(faults).with_traceback(error.__traceback__) from None
    except Exception as error:
        said = f"{type(error).__name__}, its message withheld (disclosure)"
        raise OurFault(said).with_traceback(error.__traceback__) from None


def discreet_words(design: Design) -> Callable[[str], str]:
    """Return what leaves of a sentence: our words, the design's, and numbers of lines, units, periods and draws."""
    words = _own_words() | _words(_written(design))
    return lambda text: _told(text, words)


def _told(text: str, words: frozenset[str]) -> str:
    """Return a sentence without what may be from the data."""
    ours = [range(at, at + len(phrase)) for phrase in _own_phrases() for at in _places(phrase, text)]
    ours += public_counts(text)

    def kept(piece: re.Match[str]) -> str:
        token = piece.group()
        if piece["lines"] or not re.search(r"\w", token):
            return token
        if any(piece.start() in one and piece.end() - 1 in one for one in ours):
            return token
        plain = not re.search(r"\d", token) and all(word in words for word in _words(token))
        return token if plain else _WITHHELD

    return _AGAIN.sub(_WITHHELD, _PIECE.sub(kept, text))


def _places(phrase: str, text: str) -> Iterator[int]:
    """Yield where a phrase stands."""
    at = text.find(phrase)
    while at >= 0:
        yield at
        at = text.find(phrase, at + 1)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def _written(design: Design) -> str:
    """Return the design as its author wrote it."""
    return design.path.read_text(encoding="utf-8") if design.path.is_file() else str(design.resolved)


def _own_words() -> frozenset[str]:
    """Return the words of our own messages: texts in the code of the rooms, without docstrings and references.

    Those written large at their start, or single letters, are not among them: Abraham, Young, M are people's too.
    """
    return frozenset(word for code in _code().values() for word in code.words if not _may_be_a_name(word))


def _may_be_a_name(word: str) -> bool:
    return word[:1].isupper() and (len(word) == 1 or not word.isupper())


def _own_phrases() -> list[str]:
    """Return what our messages say with numbers or names in it, as long as nobody's data says it: three words.

    Our constants are written out where a message names one: "more than 30,000,000 rows".
    """
    return [phrase for module in _code() if module in sys.modules for phrase in _phrases(module, limits())]


@cache
def _phrases(module: str, in_force: FileLimits) -> tuple[str, ...]:
    """Return the phrases of a module that has been imported, with the limits that are in force."""
    known, code = vars(sys.modules[module]), _code()[module]
    made = [text for node in code.formatted for text in _written_out(node, known, in_force)]
    found = {text.strip() for text in (*code.plain, *made)}
    return tuple(sorted(text for text in found if _with_number_or_name(text)))


def _with_number_or_name(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) >= 3 and (re.search(r"\d", text) is not None or any(map(_may_be_a_name, words)))


def _written_out(text: ast.JoinedStr, known: dict[str, Any], in_force: FileLimits) -> Iterator[str]:
    """Yield the pieces of a formatted text between what it takes from elsewhere; our own constants are none of that."""
    piece = ""
    for part in text.values:
        if isinstance(part, ast.Constant):
            piece += str(part.value)
        elif isinstance(part, ast.FormattedValue) and (ours := _ours(part.value, known, in_force)) is not None:
            spec = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else ()
            piece += format(ours, "".join(str(one.value) for one in spec if isinstance(one, ast.Constant)))
        else:
            yield piece
            piece = ""
    yield piece


def _ours(value: ast.expr, known: dict[str, Any], in_force: FileLimits) -> int | float | str | None:
    """Return a constant of a module, or one of the limits in force; None of anything else."""
    if isinstance(value, ast.Name) and value.id.isupper():
        found = known.get(value.id)
        return found if isinstance(found, int | float | str) else None
    if isinstance(value, ast.Attribute) and ast.unparse(value.value) == "limits()":
        return int(getattr(in_force, value.attr))
    return None


@dataclass(frozen=True, slots=True)
class _Code:
    """What a module says: its words, its texts with numbers, and the texts that take something from elsewhere."""

    words: frozenset[str]
    plain: tuple[str, ...]
    formatted: tuple[ast.JoinedStr, ...]


@cache
def _code() -> dict[str, _Code]:
    """Return what the modules of the rooms say, by name."""
    root = Path(__file__).resolve().parents[1]
    files = [*(root / name for name in _FILES), *(f for room in _ROOMS for f in sorted((root / room).rglob("*.py")))]
    return {".".join((root.name, *file.relative_to(root).with_suffix("").parts)): _said_by(file) for file in files}


def _said_by(file: Path) -> _Code:
    """Return what a module says, in texts that are no docstrings and name no paper."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    documented = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in documented]
    texts = {id(node): node.value for node in constants if isinstance(node.value, str) and _own(node.value)}
    formatted = tuple(node for node in nodes if isinstance(node, ast.JoinedStr))
    inner = {id(part) for node in formatted for part in node.values}
    words = frozenset().union(*map(_words, texts.values()))
    return _Code(
        words,
        tuple(text for node, text in texts.items() if node not in inner and _with_number_or_name(text)),
        formatted,
    )


def _own(text: str) -> bool:
    return not re.search(r"\(\d{4}", text)
