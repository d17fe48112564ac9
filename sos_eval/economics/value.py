"""Value for money as the Magenta Book lays it out: costs, benefits by kind, net present value, benefit-cost ratio.

A ratio is not passed or failed (Green Book 2026): it stands beside what it is made of, with its interval over draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["value_for_money"]

Array = NDArray[np.float64]
Row = tuple[str, Array, str]


def value_for_money(prepared: Prepared, draws: Mapping[str, Array]) -> pd.DataFrame:
    """Set every strategy's present costs against its present benefits, from the draws.

    Parameters
    ----------
    prepared
        The evaluation, with its model.
    draws
        Of the parameters, (n,) each.

    Returns
    -------
    DataFrame
        ``strategy, quantity, value, low, high, text``: mean and central 95% of draws. The ratio's value is the ratio of
        the means; it is empty, with the reason, where a strategy costs nothing.
    """
    model, threshold = prepared.model, prepared.section.decision_threshold
    assert model is not None
    cost, averted = model.programme_cost(draws), model.averted(draws)
    saving, cash = (averted * model.saving_per_averted(draws, cashable=c) for c in (False, True))
    units = averted * model.effect_units(draws)
    rows = []
    for j, name in enumerate(model.strategies):
        if j == prepared.reference:
            continue
        share, part = model.effect_share[j], model.programme_share[j]
        rows += [
            (name, quantity, *_summary(values), text)
            for quantity, values, text in _parts(part * cost, share * saving, share * cash, share * units, threshold)
        ]
        rows += [(name, *row) for row in _ratios(part * cost, share * saving, share * units, threshold)]
    return pd.DataFrame(rows, columns=["strategy", "quantity", "value", "low", "high", "text"])


def _parts(cost: Array, saving: Array, cash: Array, units: Array, threshold: float | None) -> Iterator[Row]:
    """Yield what the ratio is made of."""
    at_once = "as if all authorities took it up in year 1: the budget follows uptake"
    text = f"discounted, in the perspective, with any optimism bias declared, {at_once}"
    yield "present cost of the programme", cost, text
    text = "what averted entries would have cost, net of what costs more in their place, such as support at home"
    yield "present saving", saving, text
    yield "of which cashable", cash, "could be released as money within the horizon"
    yield "present units of effect", units, "discounted"
    yield "net present value, savings only", saving - cost, "saving less cost"
    if threshold is not None and threshold > 0:
        text = f"with a unit of effect at {threshold:,.10g}"
        yield "net present value, effects priced", saving + threshold * units - cost, text


def _ratios(
    cost: Array, saving: Array, units: Array, threshold: float | None
) -> Iterator[tuple[str, float, float, float, str]]:
    """Yield benefit-cost ratios: of savings, and with effects priced."""
    kinds = [("benefit-cost ratio, savings only", saving, "net saving over the cost of the programme")]
    if threshold is not None and threshold > 0:
        kinds.append(("benefit-cost ratio, effects priced", saving + threshold * units,
                      f"with a unit of effect at {threshold:,.10g}"))  # fmt: skip
    for quantity, benefit, text in kinds:
        if np.all(cost > 0):
            _, low, high = _summary(benefit / cost)
            yield quantity, float(benefit.mean() / cost.mean()), low, high, text
        else:
            yield quantity, np.nan, np.nan, np.nan, "not every draw has a cost above zero: no ratio"


def _summary(values: Array) -> tuple[float, float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
