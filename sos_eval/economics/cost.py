"""The economics of a design's own run: its estimate in the model, its diagnostics before the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pandas as pd

from sos_eval.declare import Document, Path_
from sos_eval.economics.evaluate import Outputs, evaluate
from sos_eval.economics.facts import bundle_evidence, headline_row
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsSection
from sos_eval.numerics.random import stream

__all__ = ["cost", "effect_from"]

_SCALES: dict[str, Literal["rate_difference", "rate_ratio"]] = {"rate_per": "rate_difference", "ratio": "rate_ratio"}


def cost(
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
    taken = effect_from(section, estimates, "this run")
    prepared = prepare(taken, document, path)
    return evaluate(prepared, measured, partial(stream, chosen), document.where(path), title).outputs


def effect_from(section: EconomicsSection, estimates: pd.DataFrame, origin: str) -> EconomicsSection:
    """Put a run's headline estimate into a section that declares none; nothing where there is none to take."""
    effect = section.effect
    if effect is None or effect.estimate is not None:
        return section
    row = headline_row(estimates)
    if row is None or pd.isna(row["estimate"]) or pd.isna(row["std_error"]) or row["scale"] not in _SCALES:
        return section
    taken = replace(
        effect, estimate=float(row["estimate"]), std_error=float(row["std_error"]), scale=_SCALES[row["scale"]],
        source=f"{origin}: {row['estimator']}, {row['aggregation']}, {row['inference']}", bundle=None,
    )  # fmt: skip
    return replace(section, effect=taken)
