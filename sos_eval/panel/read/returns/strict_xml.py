"""XML read as a stream: no document type, no entity, nothing from elsewhere, no deep nesting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sos_eval.errors import Faults, listed
from sos_eval.limits import limits

__all__ = ["StrictXML"]

_BLOCK = 1 << 20


class _ForbiddenError(Exception):
    """The file declares a document type or an entity."""


class StrictXML:
    """Walks through the elements of a file; what extends it says in `begin` and `finish` what they mean."""

    #: The outermost element, and what a file is called that has it.
    root = kind = ""
    #: Element -> the elements that it can hold; others are faults, told by their lines: a name may be a cell.
    holds: Mapping[str, tuple[str, ...]] = {}
    #: Element -> what one of its kind at least must hold, or it is called otherwise in this file.
    needs: Mapping[str, tuple[str, ...]] = {}

    def __init__(self) -> None:
        from xml.parsers import expat

        self.path: list[str] = []
        self.text = self.outermost = ""
        self.deepest = limits().depth
        self.unknown: dict[str, list[int]] = {}
        self.seen: set[tuple[str, str]] = set()
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._start, self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self.parser.EntityDeclHandler = self._forbid

    @property
    def line(self) -> int:
        """The line that is being read."""
        return int(self.parser.CurrentLineNumber)

    def begin(self, name: str) -> None:
        """Take note that an element begins."""

    def finish(self, name: str, above: str, text: str) -> None:
        """Take an element's text, with the name of the element that holds it."""

    def _forbid(self, *_: Any) -> None:
        raise _ForbiddenError

    def _start(self, name: str, _: Any) -> None:
        path = self.path
        if len(path) >= self.deepest:
            raise _ForbiddenError
        pair = (path[-1] if path else "", name)
        path.append(name)
        self.text = ""
        if pair not in self.seen and not self._belongs(*pair):
            self.unknown.setdefault(pair[0], []).append(self.line)
        self.begin(name)

    def _belongs(self, above: str, name: str) -> bool:
        """Take note of an element of a kind for the first time, and say whether the one above can hold it."""
        self.outermost = self.outermost or name
        if name not in self.holds.get(above, (name,)):
            return False
        if above in self.holds or above in self.needs or name in self.needs:  # others can be without end
            self.seen.add((above, name))
        return True

    def _characters(self, text: str) -> None:
        self.text += text

    def _end(self, name: str) -> None:
        self.path.pop()
        self.finish(name, self.path[-1] if self.path else "", self.text.strip())
        self.text = ""

    def _refuse_renamed(self, path: Path, faults: Faults) -> None:
        """Note elements that a return does not have, and those that it must have and this one has nowhere."""
        for above, lines in self.unknown.items():
            what = f"{above} holds what no {self.kind} has, in line{'s' * (len(lines) > 1)} {listed(lines, 4)}"
            faults.add(f"{path}:{lines[0]}", what, f"its elements are {', '.join(self.holds[above])}")
        there = {name for _, name in self.seen}
        for above, names in self.needs.items():
            lacking = [name for name in names if (above, name) not in self.seen]
            if above in there and lacking and above not in self.unknown:
                what = f"no {above} of the file holds {' or '.join(lacking)}"
                faults.add(f"{path}:1", what, "give the elements the names of the return, empty where there is nothing")

    def blocks(self, path: Path, faults: Faults) -> Iterator[None]:
        """Read the file block by block; note a fault where it is not what it should be, without a word of its text."""
        from xml.parsers.expat import ExpatError

        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    self.parser.Parse(block)
                    yield
                self.parser.Parse(b"", True)
            if self.outermost != self.root:
                faults.add(f"{path}:1", f"no {self.kind}", f"its outermost element is {self.root}")
            self._refuse_renamed(path, faults)
            yield
        except _ForbiddenError:
            what = "declares a document type or entities, or nests too deep, which no return does"
            faults.add(f"{path}:{self.line}", what, "export it again")
        except ExpatError as error:
            faults.add(f"{path}:{error.lineno}", "is not well-formed XML", "export it again")
        except (LookupError, ValueError):  # of the parser: its words hold the name that the file gives
            faults.add(f"{path}:1", "names an encoding that cannot be read", "export it again, in UTF-8")
