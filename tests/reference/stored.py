"""Stored reference numbers and the data they were computed from: those in the repository, and those that stay outside.

``numbers/README.md`` says what each file is and why some are not there. Names are those of ``../shared/reference``.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import SHARED

FOLDER = Path(__file__).parent / "numbers"


def found(name: str) -> Path | None:
    """Return a file of the repository, or the one in ``../shared``; None where there is neither."""
    places = (FOLDER / name, FOLDER / f"{name}.gz", SHARED / "reference" / name)
    return next((path for path in places if path.is_file()), None)


def file(name: str) -> Path:
    """Return a file; skip the test where its licence keeps it outside and it is not there."""
    path = found(name)
    if path is None:
        pytest.skip(f"{name} stays outside the repository (tests/reference/numbers/README.md)")
    return path


def stored(name: str) -> dict[str, Any]:
    """Return a file of stored numbers, named without its ending."""
    path = file(f"{name}.json")
    content = path.read_bytes()
    numbers: dict[str, Any] = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    return numbers


def cases(name: str) -> dict[str, dict[str, Any]]:
    """Return a file's cases by name, each with its ``spec`` and ``values``."""
    return {case["case_id"]: case for case in stored(name)["cases"]}


def params(name: str) -> list[Any]:
    """Return a file's cases as test parameters."""
    return [pytest.param(case, id=case_id) for case_id, case in cases(name).items()]


def data(name: str) -> pd.DataFrame:
    """Read a data set."""
    return pd.read_csv(file(f"data/{name}"))


def castle() -> pd.DataFrame:
    """Return the castle-doctrine panel of the package causaldata, with the first treated year."""
    import causaldata

    frame = causaldata.castle.load_pandas().data.astype("float64")
    first = frame[frame["post"] == 1].groupby("sid")["year"].min()
    return frame.assign(gvar=frame["sid"].map(first).fillna(0))


def grunfeld() -> pd.DataFrame:
    """Return Grunfeld's investment data as statsmodels has it, under plm's names: its ten firms, numbered."""
    from statsmodels.datasets import grunfeld

    frame = grunfeld.load_pandas().data.rename(columns={"invest": "inv"})
    frame = frame[frame["firm"] != "American Steel"].reset_index(drop=True)
    return frame.assign(firm=pd.factorize(frame["firm"])[0] + 1)
