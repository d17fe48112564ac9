"""Faults under a disclosure profile: they say what is wrong in our words and the design's, and quote nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sos_eval.design.design import Design
from sos_eval.errors import Fault, InputFault, OurFault

__all__ = ["discreet", "discreet_words"]

#: Rooms whose faults are about data, and whose words are therefore ours.
_ROOMS = ("panel", "comparison", "estimators", "inference", "checks", "results", "numerics", "design", "jobs")
_WORD = re.compile(r"[^\W\d_]+(?:_[^\W\d_]+)*")
_PIECE = re.compile(r"(?P<lines>\bline \d+|\blines \d+(?:(?:, | and | to |-)\d+)*)|(?P<token>[^\s,;:()\"'«»]+)")
_WITHHELD = "…"
_AGAIN = re.compile(rf"{_WITHHELD}(?:[\s,]*(?:and )?{_WITHHELD})+")


@contextmanager
def discreet(design: Design) -> Iterator[None]:
    """Let no fault quote the data: neither cells nor identifiers, whatever went wrong.

    Raises
    ------
    InputFault
        The fault as it was, every word and number withheld that is neither ours nor the design's; numbers of lines
        stay.
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
    """Return what leaves of a sentence: our words, the design's, and numbers of lines."""
    words = _own_words() | _words(_written(design))
    return lambda text: _told(text, words)


def _told(text: str, words: frozenset[str]) -> str:
    """Return a sentence without what may be from the data."""

    def kept(piece: re.Match[str]) -> str:
        token = piece.group()
        if piece["lines"] or not re.search(r"\w", token):
            return token
        plain = not re.search(r"\d", token) and all(word in words for word in _words(token))
        return token if plain else _WITHHELD

    return _AGAIN.sub(_WITHHELD, _PIECE.sub(kept, text))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def _written(design: Design) -> str:
    """Return the design as its author wrote it."""
    return design.path.read_text(encoding="utf-8") if design.path.is_file() else str(design.resolved)


@cache
def _own_words() -> frozenset[str]:
    """Return the words of our own messages: texts in the code of the rooms, without docstrings and references."""
    root = Path(__file__).resolve().parents[1]
    files = [root / "errors.py", *(file for room in _ROOMS for file in sorted((root / room).rglob("*.py")))]
    found = [_words(text) for file in files for text in _texts(ast.parse(file.read_text(encoding="utf-8")))]
    return frozenset().union(*found)


def _texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a file that are no docstrings and name no paper."""
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in documented else None
        if isinstance(text, str) and not re.search(r"\(\d{4}", text):
            yield text
