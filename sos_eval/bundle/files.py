"""How tables and mappings become files and come back: the same content gives the same bytes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Fault, InputFault
from sos_eval.limits import limits
from sos_eval.terms import PERIOD_COLUMNS

__all__ = ["csv_text", "json_text", "plain", "read_object", "read_table", "records", "yaml_text"]

#: Columns that are words or ids whatever they look like ("007", "NA", "306").
_WORDS = frozenset({
    "unit", "matched_set", "cluster", "name", "names", "label", "status", "group", "estimator", "role", "estimand",
    "aggregation", "subgroup", "scale", "outcome", "inference", "reason", "covariate", "stage", "text", "step", "what",
    "evidence", "note", "flagged", "omitted", "choice", "variant", "measure",
})  # fmt: skip

#: How a text begins that a spreadsheet would run; a number with a sign is none.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def csv_text(table: pd.DataFrame) -> str:
    r"""Write a table: floats in full double precision, empty for what is missing, ``true`` and ``false``, ``\n``.

    A text that a spreadsheet would take for a formula has an apostrophe before it; `read_table` takes it off.
    """
    out = table.copy()
    for name in out.columns:
        if out[name].dtype.kind == "O":
            out[name] = out[name].map(_harmless)
        if out[name].dtype == bool or (out[name].dtype == object and out[name].map(_is_flag).any()):
            out[name] = out[name].map(_flag_text)
    return str(out.to_csv(index=False, lineterminator="\n", na_rep=""))


def _harmless(cell: Any) -> Any:
    """Put an apostrophe before a text that begins a formula, or already begins with apostrophes and one."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _as_meant(cell: str) -> str:
    """Take the apostrophe off again."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _flag_text(value: Any) -> Any:
    return str(bool(value)).lower() if _is_flag(value) else value


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of a bundle: ids and words stay text, numbers come back bit for bit, ``passed`` as flags."""
    text = path.read_text(encoding="utf-8")
    if not text.strip():
        return pd.DataFrame()
    table = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)
    is_check = "passed" in table.columns
    columns: dict[str, Any] = {}
    for name in table.columns:
        cells = [_as_meant(cell) for cell in table[name]]
        if name == "passed":
            columns[name] = pd.Series([{"true": True, "false": False}.get(cell) for cell in cells], dtype=object)
        elif name in _WORDS or (is_check and name == "statistic"):
            columns[name] = pd.Series(cells, dtype=object)
        else:
            columns[name] = _numbers(cells)
            if name in PERIOD_COLUMNS and columns[name].dtype == object:  # periods that are written as 2014/15
                columns[name] = columns[name].where(columns[name] != "")
    return pd.DataFrame(columns)


def _numbers(cells: list[str]) -> pd.Series:
    """Return cells as whole numbers, else as floats with NaN for what is empty, else as text."""
    for kind, values in (("int64", cells), ("float64", [cell or "nan" for cell in cells])):
        try:
            return pd.Series([int(cell) if kind == "int64" else float(cell) for cell in values], dtype=kind)
        except ValueError:
            continue
    return pd.Series(cells, dtype=object)


def plain(value: Any) -> Any:
    """Return plain dicts, lists, text, numbers and None; what is not finite becomes None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, pd.DataFrame):
        return records(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(value, key=str)]
    if isinstance(value, list | tuple | np.ndarray | pd.Series | pd.Index):
        return [plain(item) for item in value]
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _key(key: Any) -> str:
    """Return a key as text; a year that travelled as 2015.0 is written 2015."""
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as a list of rows."""
    columns = {str(name): [plain(v) for v in table[name]] for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of a folder that a job wrote.

    Raises
    ------
    InputFault
        It cannot be read, is larger than a table may be, nests too deep, or is no object.
    """
    again = "make it again, or restore the folder"
    try:
        if path.exists() and not path.is_file():
            raise InputFault(Fault(str(path), "cannot be read: it is no file", again))
        if (size := path.stat().st_size) > limits().table_bytes:
            raise InputFault(Fault(str(path), f"holds {size:,} bytes", "raise the limit with --limit-bytes"))
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFault(Fault(str(path), f"cannot be read: {error}", again)) from None
    except RecursionError:
        raise InputFault(Fault(str(path), "cannot be read: nests too deep", again)) from None
    if not isinstance(loaded, dict):
        raise InputFault(Fault(str(path), "cannot be read: it holds no object", again))
    return loaded


def json_text(value: Any) -> str:
    """Write strict JSON: no NaN, no Infinity."""
    return json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def yaml_text(value: Any) -> str:
    """Write YAML that a person can read and `read_yaml` reads back."""
    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 110
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = StringIO()
    writer.dump(plain(value), out)
    return out.getvalue()
