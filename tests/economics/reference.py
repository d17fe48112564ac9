"""Reading the economics reference."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from sos_eval.economics.model.psa import Samples, samples
from tests.conftest import shared

#: Same mathematics on the same draws; the stored numbers carry 13 digits.
RTOL = 1e-9


def expected(name: str) -> dict:
    return json.loads(shared("reference", "economics", "expected", f"{name}.json").read_text())


def data(name: str) -> pd.DataFrame:
    return pd.read_csv(shared("reference", "economics", "data", name))


def case(name: str) -> Samples:
    params = None
    if name in ("smoking", "vaccine"):
        params = data(f"{name}_params.csv.gz")
    suffix = ".csv.gz" if name in ("chemo", "example_psa") else ".csv"
    if suffix == ".csv.gz":
        params = data(f"{name}_params.csv.gz")
    return samples(data(f"{name}_eff{suffix}"), data(f"{name}_cost{suffix}"), params)


def dotted(names: list[str]) -> list[str]:
    """The names as dampack's make.names leaves them."""
    return [name.replace(" ", ".").replace("-", ".") for name in names]


def numbers(values: list) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
