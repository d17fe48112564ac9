"""A return as XML: read as a stream, without entities, document types or anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sos_eval.errors import Faults
from sos_eval.limits import limits
from sos_eval.panel.read.returns.layout import READ

__all__ = ["xml_pieces"]

_BLOCK, _ROWS = 1 << 20, 50_000
#: Element -> the column that it is in the CSV tables.
_NAMES = {"CHILDID": "CHILD", "PL": "PLACE"}


class _ForbiddenError(Exception):
    """The file declares a document type or an entity."""


class _Streamed:
    """Turns elements into rows of the tables that are read, with their lines."""

    def __init__(self) -> None:
        from xml.parsers import expat

        self.rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in READ}
        self.path: list[str] = []
        self.child: dict[str, str] = {}
        self.episode: dict[str, str] = {}
        self.line = self.child_line = 0
        self.text = ""
        self.root = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._start, self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self.parser.EntityDeclHandler = self._forbid

    def _forbid(self, *_: Any) -> None:
        raise _ForbiddenError

    def _start(self, name: str, _: Any) -> None:
        if len(self.path) >= limits().depth:
            raise _ForbiddenError
        self.root = self.root or name
        self.path.append(name)
        self.text = ""
        if name == "CHILD":
            self.child, self.child_line = {}, self.parser.CurrentLineNumber
        elif name == "EPISODE":
            self.episode, self.line = {}, self.parser.CurrentLineNumber

    def _characters(self, text: str) -> None:
        self.text += text

    def _end(self, name: str) -> None:
        self.path.pop()
        above = self.path[-1] if self.path else ""
        column, text = _NAMES.get(name, name), self.text.strip()
        if above == "HEADER":
            self.child[column] = text
            if name == "CHILDID":
                self.child.setdefault("CHILD", text)
        elif above == "EPISODE":
            self.episode[column] = text
        elif above == "UASC":
            self.child[column] = text
            self.child["UASC"] = "1"
        if name == "HEADER":
            self._keep_header()
        elif name == "EPISODE":
            self._keep("episodes", {**self.episode, "CHILD": self.child.get("CHILD", "")}, self.line)
        self.text = ""

    def _keep_header(self) -> None:
        self._keep("header", self.child, self.child_line)
        if self.child.get("UASC", "") not in {"", "0"}:
            self._keep("uasc", self.child, self.child_line)

    def _keep(self, table: str, found: dict[str, str], line: int) -> None:
        self.rows[table].append((*(found.get(name, "") for name in READ[table]), line))

    def taken(self, fewest: int) -> Iterator[tuple[str, Any]]:
        """Yield full pieces, and forget them."""
        import pyarrow as pa

        for table, rows in self.rows.items():
            if len(rows) > fewest:
                columns = list(zip(*rows, strict=True))
                yield (
                    table,
                    pa.RecordBatch.from_arrays(
                        [*(pa.array(one, pa.string()) for one in columns[:-1]), pa.array(columns[-1], pa.int64())],
                        names=[*READ[table], "line"],
                    ),
                )
                rows.clear()


def xml_pieces(path: Path, faults: Faults) -> Iterator[tuple[str, Any]]:
    """Yield (table, record batch with the line of each row) of a return in XML."""
    from xml.parsers.expat import ExpatError

    reader = _Streamed()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                reader.parser.Parse(block)
                yield from reader.taken(_ROWS)
            reader.parser.Parse(b"", True)
        if reader.root != "EXPSSDA903":
            faults.add(f"{path}:1", "no SSDA903 return", "its outermost element is EXPSSDA903")
        yield from reader.taken(0)
    except _ForbiddenError:
        what = "declares a document type or entities, or nests too deep, which no return does"
        faults.add(f"{path}:{reader.parser.CurrentLineNumber}", what, "export it again")
    except ExpatError as error:
        faults.add(f"{path}:{error.lineno}", "is not well-formed XML", "export it again")
