"""A return of children looked after as XML, as rows of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sos_eval.errors import Faults
from sos_eval.panel.read.returns.layout import READ, columns_of
from sos_eval.panel.read.returns.strict_xml import StrictXML

__all__ = ["xml_pieces"]

_ROWS = 50_000
#: Element -> the column that it is in the CSV tables.
_NAMES = {"CHILDID": "CHILD", "PL": "PLACE"}
_IN_XML = {column: element for element, column in _NAMES.items()}
_EPISODE, _READ_OF_EPISODE = (
    tuple(_IN_XML.get(name, name) for name in names if name != "CHILD")
    for names in (columns_of()["episodes"], READ["episodes"])
)


class _Streamed(StrictXML):
    """Turns elements into rows of the tables that are read, with their lines."""

    root, kind = "EXPSSDA903", "SSDA903 return"
    holds: Mapping[str, tuple[str, ...]] = {"CHILD": ("HEADER", "EPISODE"), "EPISODE": _EPISODE}
    needs: Mapping[str, tuple[str, ...]] = {
        "CHILD": ("HEADER", "EPISODE"), "HEADER": ("CHILDID", "DOB"), "EPISODE": _READ_OF_EPISODE,
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in READ}
        self.child: dict[str, str] = {}
        self.episode: dict[str, str] = {}
        self.episode_line = self.child_line = 0

    def begin(self, name: str) -> None:
        if name == "CHILD":
            self.child, self.child_line = {}, self.line
        elif name == "EPISODE":
            self.episode, self.episode_line = {}, self.line

    def finish(self, name: str, above: str, text: str) -> None:
        column = _NAMES.get(name, name)
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
            self._keep("episodes", {**self.episode, "CHILD": self.child.get("CHILD", "")}, self.episode_line)

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
    reader = _Streamed()
    for _ in reader.blocks(path, faults):
        yield from reader.taken(_ROWS)
    yield from reader.taken(0)
