"""Budget impact: the cash of every strategy by year and bearer, as authorities take it up, with intervals from draws.

Cash is not discounted, and what is bought in one year is paid in it. An authority that takes a strategy up in year s
has in year t the money of its own year t - s + 1; strategies are against the comparator, whose own cash is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.model.evaluated import DecisionModel

__all__ = ["COUNTED", "budget_impact", "uptake_of"]

Array = NDArray[np.float64]
Values = Mapping[str, Array]
#: The row of all bearers that the declared perspective counts.
COUNTED = "all that count"


def budget_impact(model: DecisionModel, draws: Values, *, with_savings: bool) -> pd.DataFrame:
    """Cash by strategy, year and bearer at expected values, with the central 95% of draws.

    Parameters
    ----------
    model, draws
        The model, and draws of its parameters.
    with_savings
        Whether savings may be shown; else only what the programme costs is.

    Returns
    -------
    DataFrame
        ``strategy, year, bearer, counted, uptake, cost, cost_low, cost_high``; with savings each of ``saving,
        cashable_saving, impact`` with its ends: the impact is cost less cashable saving. Rows of `COUNTED` add up the
        bearers of the perspective; the others are shown apart.
    """
    point, drawn = (_cash(model, values, with_savings=with_savings) for values in (model.expected, draws))
    rows = []
    for j, name in enumerate(model.strategies):
        if not (model.programme_share[j] or (with_savings and model.effect_share[j])):
            continue
        uptake = uptake_of(model, j)
        for bearer, counted in _bearers(model, point):
            at, among = (_of_strategy(model, j, cash[bearer], uptake) for cash in (point, drawn))
            rows += list(_years(name, bearer, counted, uptake, at, among))
    table = pd.DataFrame(rows)
    money = [column for column in table if column in ("cost", "saving")]
    spent = table.groupby(["strategy", "bearer"], sort=False)[money].transform(lambda column: (column != 0).any())
    return table[spent.any(axis=1) | (table["bearer"] == COUNTED)].reset_index(drop=True)


def uptake_of(model: DecisionModel, strategy: int) -> Array:
    """Return the share of authorities that have taken a strategy up, by year, (Y,)."""
    declared: Sequence[float] = model.section.strategies[strategy].uptake if model.section.strategies else ()
    shares = list(declared or (1.0,))
    return np.array(shares + shares[-1:] * (model.years - len(shares)))


def _cash(model: DecisionModel, values: Values, *, with_savings: bool) -> dict[str, dict[str, Array]]:
    """Return cash by bearer and kind of all authorities from year 1 on, in constant prices, (m, Y)."""
    nothing = np.zeros((len(values["effect"]), model.years))
    kinds = ("cost", "saving", "cashable_saving") if with_savings else ("cost",)
    out = {place: dict.fromkeys(kinds, nothing) for place in (*(line.bearer for line in model.lines), COUNTED)}
    for line in model.lines:
        if line.kind == "saving" and not with_savings:
            continue
        money = model.paid(line, values, cash=True) / model.growth
        parts = {"cost": money}
        if line.kind == "saving":
            saving = money * model.averted(values)[:, None]
            parts = {"saving": saving, "cashable_saving": saving * line.released}
        for place in (line.bearer, *([COUNTED] if model.counted(line) else [])):
            out[place] |= {kind: out[place][kind] + amount for kind, amount in parts.items()}
    return out


def _bearers(model: DecisionModel, cash: Mapping[str, object]) -> Iterator[tuple[str, bool]]:
    """Yield bearers in order, those that count first among them, and their sum last."""
    counted = {line.bearer for line in model.lines if model.counted(line)}
    yield from ((name, name in counted) for name in sorted(set(cash) - {COUNTED}))
    yield COUNTED, True


def _of_strategy(model: DecisionModel, strategy: int, cash: Mapping[str, Array], uptake: Array) -> dict[str, Array]:
    """Return a strategy's cash by kind as authorities take it up, (m, Y)."""
    share = {"cost": model.programme_share[strategy]}
    out = {
        kind: share.get(kind, model.effect_share[strategy]) * _waves(money, uptake) * model.growth
        for kind, money in cash.items()
    }
    if "saving" in out:
        out["impact"] = out["cost"] - out["cashable_saving"]
    return out


def _waves(money: Array, uptake: Array) -> Array:
    """Add up the years of authorities that start in different years, (m, Y)."""
    out = np.zeros_like(money)
    for start, share in enumerate(np.diff(uptake, prepend=0.0)):
        if share:
            out[:, start:] += share * money[:, : money.shape[1] - start]
    return out


def _years(
    name: str, bearer: str, counted: bool, uptake: Array, at: Mapping[str, Array], among: Mapping[str, Array]
) -> Iterator[dict[str, object]]:
    """Yield a row per year."""
    ends = {kind: np.quantile(drawn, [0.025, 0.975], axis=0) for kind, drawn in among.items()}
    for t, share in enumerate(uptake):
        row: dict[str, object] = {
            "strategy": name, "year": t + 1, "bearer": bearer, "counted": counted, "uptake": share,
        }  # fmt: skip
        for kind in at:
            low, high = ends[kind][:, t]
            row |= {kind: float(at[kind][0, t]), f"{kind}_low": float(low), f"{kind}_high": float(high)}
        yield row
