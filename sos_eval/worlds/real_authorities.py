"""The authorities of a real panel as those of a world: their regions, deprivation and children, not their outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DesignFault, Fault
from sos_eval.worlds.authorities import Authorities, RealAuthorities, Region
from sos_eval.worlds.real_panel import RealPanel, real_authorities

__all__ = ["of_the_panel", "read_authorities"]

Array = NDArray[np.float64]
KEY = "authorities.panel"


def read_authorities(spec: RealAuthorities, times: Array) -> tuple[pd.DataFrame, Array]:
    """Read the authorities that a file has in every period, region by region in its order.

    Returns
    -------
    table
        A row per authority: ``region`` and ``deprivation``.
    children : (n, n_times)

    Raises
    ------
    DataFault
        The file is at fault.
    """
    panel = RealPanel(
        spec.path, spec.unit, spec.time, count=spec.exposure, exposure=spec.exposure, region=spec.region,
        deprivation=spec.deprivation, exclude=spec.exclude,
    )  # fmt: skip
    table, children, _ = real_authorities(panel, times, 1.0, KEY)
    order = np.argsort(table["region"].to_numpy(str), kind="stable")
    return table.iloc[order].reset_index(drop=True)[["region", "deprivation"]], children[order]


def of_the_panel(spec: Authorities, times: Array, world: str) -> Authorities:
    """Return authorities with the number and the regions of their panel.

    Raises
    ------
    DesignFault
        Others are declared beside it.
    DataFault
        The file is at fault.
    """
    if spec.panel is None:
        return spec
    regions = read_authorities(spec.panel, times)[0]["region"]
    counts = regions.value_counts(sort=False).sort_index()
    found = {str(name): Region(authorities=float(count)) for name, count in counts.items()} if spec.panel.region else {}
    if spec.n not in (Authorities().n, len(regions)):
        what = f"authorities.n: {spec.n}, and its panel has {len(regions)} in every period"
        raise DesignFault(Fault(f"world {world}", what, "leave n out"))
    if spec.regions and spec.regions != found:
        what = "authorities.regions: has no meaning with panel, which has its own"
        raise DesignFault(Fault(f"world {world}", what, "remove it"))
    return replace(spec, n=len(regions), regions=found)
