"""The economics of a design's own run: its estimate in the model, its diagnostics before the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd

from sos_eval.declare import Document, Path_
from sos_eval.economics.evaluate import Outputs, evaluate
from sos_eval.economics.gate.evidence import bundle_evidence, headline_method, headline_row, rates_per
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsSection
from sos_eval.numerics.random import stream

__all__ = ["cost_estimate", "effect_from"]

_SCALES: dict[str, Literal["rate_difference", "rate_ratio"]] = {"rate_per": "rate_difference", "ratio": "rate_ratio"}


def cost_estimate(
    section: EconomicsSection, estimates: pd.DataFrame, diagnostics: pd.DataFrame, balance: pd.DataFrame,
    flow: pd.DataFrame, facts: Mapping[str, Any], *, document: Document, path: Path_ = ("economics",), seed: int,
    title: str = "",
) -> Outputs:  # fmt: skip
    """Judge the evidence of a run and compute what it allows.

    Parameters
    ----------
    section
        The design's ``economics:`` block.
    estimates, diagnostics, balance, flow
        The run's tables, in the columns of the bundle.
    facts
        What `results.json` says (``panel``, ``inference``, ``lock``, ``outcome``), and under ``tables`` the tables of
        the checks by file name.
    document, path
        The design file and where the block stands in it.
    seed
        Of the design; `psa.seed` goes before it.
    title
        Of the design.

    Returns
    -------
    dict
        Name to table or mapping: the files of ``economics/``.
    """
    measured = bundle_evidence(estimates, diagnostics, balance, flow, facts)
    chosen = section.psa.seed if section.psa.seed is not None else seed
    taken = effect_from(section, estimates, "this run", headline_method(facts), rates_per(facts))
    prepared = prepare(taken, document, path)
    return evaluate(prepared, measured, partial(stream, chosen), document.where(path), title).outputs


def effect_from(
    section: EconomicsSection, estimates: pd.DataFrame, origin: str, method: str = "", per: float | None = None
) -> EconomicsSection:
    """Put a run's headline estimate into a section that declares none; nothing where there is none to take.

    Parameters
    ----------
    section
        The declaration.
    estimates
        In the columns of `estimates.csv`.
    origin
        Where they come from, for the record.
    method
        The headline's inference. Where it gives an interval and no standard error (randomization), the error is the
        interval's width over twice the normal quantile.
    per
        What the run's rates are per; a difference is brought to the declaration's own `per`.
    """
    effect = section.effect
    if effect is None or effect.estimate is not None:
        return section
    row = headline_row(estimates, method)
    if row is None or pd.isna(row["estimate"]) or row["scale"] not in _SCALES:
        return section
    error, how = _error(row)
    if not np.isfinite(error) or error <= 0:
        return section
    scale = effect.per / per if per and row["scale"] == "rate_per" else 1.0
    how += f"; brought from rates per {per:,.10g} to per {effect.per:,.10g}" if scale != 1 else ""
    taken = replace(
        effect, estimate=float(row["estimate"]) * scale, std_error=error * scale, scale=_SCALES[row["scale"]],
        bundle=None,
        source=f"{origin}: {row['estimator']}, {row['aggregation']}, {row['inference']}{how}",
    )  # fmt: skip
    return replace(section, effect=taken)


def _error(row: pd.Series) -> tuple[float, str]:
    """Return the standard error on the working scale, and how it was found where it was not given."""
    if np.isfinite(row["std_error"]):
        return float(row["std_error"]), ""
    ends = np.array([row.get("conf_low", np.nan), row.get("conf_high", np.nan)], float)
    if row["scale"] == "ratio":
        ends = np.log(np.where(ends > 0, ends, np.nan))
    level = row.get("conf_level", np.nan)
    width = float(ends[1] - ends[0])
    return width / (2 * NormalDist().inv_cdf((1 + level) / 2)) if np.isfinite(level) else np.nan, (
        "; standard error from the width of its interval"
    )
