"""Reading the economics reference."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.economics.model.psa import Samples, samples
from tests.reference.stored import file, stored

#: Same mathematics on the same draws; the stored numbers carry 13 digits.
RTOL = 1e-9


def expected(name: str) -> dict:
    return stored(f"economics/expected/{name}")


def data(name: str) -> pd.DataFrame:
    return pd.read_csv(file(f"economics/data/{name}"))


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
