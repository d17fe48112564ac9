"""Reading the arrows of a DOT graph: ``digraph { practice -> trust [label="…"]; }``, a small part of the language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sos_eval.errors import Faults

__all__ = ["DotGraph", "read_dot"]

_TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|\#[^\n]*|/\*.*?\*/)|(?P<space>\s+)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<arrow>->)|(?P<line>--)'
    r"|(?P<word>[\w.]+)|(?P<mark>[{}\[\];,=])|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class DotGraph:
    """What a DOT text draws: arrows with their lines, and the words of nodes.

    Attributes
    ----------
    edges
        (cause, what it moves, line).
    labels
        Node to its ``label``.
    """

    edges: tuple[tuple[str, str, int], ...]
    labels: dict[str, str]


def read_dot(text: str, where: str, faults: Faults, *, before: int = 0) -> DotGraph:
    """Read a directed graph.

    Parameters
    ----------
    text
        ``digraph name { a -> b -> c; a [label="…"] }``. Attributes other than a node's label are left aside; parts of
        graphs (``subgraph``) and undirected edges are refused.
    where
        The file, for faults; lines are counted from 1.
    before
        Lines of the file before the text.
    """
    reader = _Reader(list(_tokens(text, before + 1)), where, faults, before + 1)
    reader.graph()
    return DotGraph(tuple(dict.fromkeys(reader.edges)), reader.labels)


def _tokens(text: str, line: int) -> Iterator[tuple[str, str, int]]:
    """Yield kind, text and line of everything but spaces and comments."""
    for match in _TOKEN.finditer(text):
        kind, said = str(match.lastgroup), match.group()
        if kind == "text":
            yield "word", re.sub(r"\\(.)", r"\1", said[1:-1]), line
        elif kind not in ("comment", "space"):
            yield kind, said, line
        line += said.count("\n")


class _Reader:
    """Goes through the statements of a graph, each to its end or its fault."""

    def __init__(self, tokens: list[tuple[str, str, int]], where: str, faults: Faults, first: int) -> None:
        self.tokens, self.where, self.faults, self.first = tokens, where, faults, first
        self.edges: list[tuple[str, str, int]] = []
        self.labels: dict[str, str] = {}

    def graph(self) -> None:
        """Read ``digraph NAME { … }``."""
        head = [self._next()[1]]
        while self.tokens and head[-1] != "{":
            head.append(self._next()[1])
        if head[-1] != "{" or "digraph" not in head[:2] or len(head) > 4:
            self._fault(self.first, "no directed graph", "write digraph { practice -> trust; }")
            return
        while self.tokens and self.tokens[0][1] != "}":
            self._statement()
        if not self.tokens:
            self._fault(self.first, "the graph has no end", "write }")
        elif self.tokens[1:]:
            self._fault(self.tokens[1][2], "more than one graph", "keep one")

    def _statement(self) -> None:
        """Read ``a -> b -> c [attributes];`` or ``a [attributes];``."""
        kind, name, line = self._next()
        if (kind, name) in (("mark", ";"), ("mark", ",")):
            return
        if kind != "word" or name == "subgraph":
            self._fault(line, f"{name!r} is not read here", "write cause -> effect;")
            return
        chain = [name]
        while self.tokens and self.tokens[0][0] in ("arrow", "line"):
            kind, _, line = self._next()
            if kind == "line":
                self._fault(line, "-- has no direction", "write ->")
            chain.append(self._node(line))
        self.edges += [(cause, moved, line) for cause, moved in pairwise(chain) if moved]
        attributes = self._attributes()
        if len(chain) == 1 and "label" in attributes:
            self.labels[name] = attributes["label"]

    def _node(self, line: int) -> str:
        kind, name, line = self._next() if self.tokens else ("end", "the end", line)
        if kind != "word":
            self._fault(line, f"{name!r} stands where a node is meant", "write cause -> effect;")
        return name if kind == "word" else ""

    def _attributes(self) -> dict[str, str]:
        """Read ``[label="…", color=red]`` or ``= value``, if there is any."""
        found: dict[str, str] = {}
        if self.tokens and self.tokens[0][1] == "=":
            del self.tokens[:2]
        while self.tokens and self.tokens[0][:2] == ("mark", "["):
            self._next()
            words: list[str] = []
            while self.tokens and self.tokens[0][:2] != ("mark", "]"):
                kind, said, _ = self._next()
                words += [said] if kind == "word" else []
            found |= dict(zip(words[::2], words[1::2], strict=False))
            del self.tokens[:1]
        return found

    def _next(self) -> tuple[str, str, int]:
        return self.tokens.pop(0) if self.tokens else ("end", "", self.first)

    def _fault(self, line: int, what: str, instead: str) -> None:
        self.faults.add(f"{self.where}:{line}", f"theory: {what}", instead)
