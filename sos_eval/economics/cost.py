"""The economics of a design's own run: its estimate in the model, its diagnostics before the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.declare import Document, Path_
from sos_eval.economics.effect_outcome import SCALES, run_outcome_problem
from sos_eval.economics.evaluate import Outputs, evaluate
from sos_eval.economics.gate.evidence import bundle_evidence
from sos_eval.economics.model.confidence import ConfidenceDistribution, distribution_of
from sos_eval.economics.prepared import prepare
from sos_eval.economics.problem import modelled
from sos_eval.economics.section import EconomicsSection
from sos_eval.errors import DesignFault, Fault, numeral
from sos_eval.numerics.random import stream
from sos_eval.results.facts import RunFacts

__all__ = ["cost_estimate", "effect_from", "refuse_other_outcome", "test_of_effect"]


def cost_estimate(
    section: EconomicsSection, estimates: pd.DataFrame, diagnostics: pd.DataFrame, balance: pd.DataFrame,
    facts: RunFacts, tables: Mapping[str, pd.DataFrame], curve: pd.DataFrame | None, *, document: Document,
    path: Path_ = ("economics",), seed: int, title: str = "",
) -> Outputs:  # fmt: skip
    """Judge the evidence of a run and compute what it allows.

    Parameters
    ----------
    section
        The design's ``economics:`` block.
    estimates, diagnostics, balance
        The run's tables, in the columns of the bundle.
    facts, tables
        What the run knows beside them, and the tables of its checks by file name.
    curve
        The confidence curve of the headline's test; None where it is no inverted test.
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
    refuse_other_outcome(section, estimates, facts, document, path, "this design")
    measured = bundle_evidence(estimates, diagnostics, balance, facts, tables)
    chosen = section.psa.seed if section.psa.seed is not None else seed
    test = test_of_effect(section, estimates, facts, curve)
    taken = effect_from(section, estimates, "this run", facts, test)
    prepared = prepare(taken, document, path, test if isinstance(test, ConfidenceDistribution) else None)
    return evaluate(prepared, measured, partial(stream, chosen), document.where(path), title).outputs


def refuse_other_outcome(
    section: EconomicsSection, estimates: pd.DataFrame, facts: RunFacts, document: Document, path: Path_, where: str
) -> None:
    """Refuse a run whose headline is of no entries into care.

    Parameters
    ----------
    section, document, path
        The declaration, its file, and where in it the block stands.
    estimates, facts
        Of the run.
    where
        How the run is called.

    Raises
    ------
    DesignFault
        Which outcome the headline is of, and what to write.
    """
    effect = section.effect
    if effect is None or effect.estimate is not None or not modelled(section):
        return
    found = run_outcome_problem(effect, facts, facts.headline.overall(estimates), where)
    if found is not None:
        key, what, instead = found
        full = (*path, *key)
        raise DesignFault(Fault(document.where(full), f"{'.'.join(map(str, full))}: {what}", instead))


def test_of_effect(
    section: EconomicsSection, estimates: pd.DataFrame, facts: RunFacts, curve: pd.DataFrame | None
) -> ConfidenceDistribution | str:
    """Return the distribution that the headline's inverted test gives its effect, on the declaration's own `per`.

    Where there is none, the reason: the effect is then drawn from a normal distribution (of the logarithm for ratios).
    """
    row = facts.headline.overall(estimates)
    if section.effect is None or section.effect.estimate is not None or row is None:
        return "the effect is declared"
    if curve is None:
        return "the headline's inference has no inverted test in the bundle"
    found = distribution_of(curve, ratio=row["scale"] == "ratio")
    return found if isinstance(found, str) else found.scaled(_per(section.effect.per, row, facts))


def _per(wanted: float, row: Mapping[str, Any], facts: RunFacts) -> float:
    """Return what brings a difference in rates to another `per`; 1 for a ratio."""
    per = facts.outcome.per if facts.outcome is not None else wanted
    return wanted / per if row["scale"] == "rate_per" else 1.0


def effect_from(
    section: EconomicsSection,
    estimates: pd.DataFrame,
    origin: str,
    facts: RunFacts,
    test: ConfidenceDistribution | str = "",
) -> EconomicsSection:
    """Put a run's headline estimate into a section that declares none; nothing where there is none to take.

    Where the headline's inference gives an interval and no standard error (randomization), the error is the interval's
    width over twice the normal quantile. A difference is brought to the declaration's own `per`.

    Parameters
    ----------
    section
        The declaration.
    estimates
        In the columns of `estimates.csv`.
    origin
        Where they come from, for the record.
    facts
        Which of them is the headline, and what its rates are per.
    test
        From `test_of_effect`: what the effect is drawn from, for the record.
    """
    effect = section.effect
    if effect is None or effect.estimate is not None or not modelled(section):
        return section
    row = facts.headline.overall(estimates)
    if row is None or pd.isna(row["estimate"]) or row["scale"] not in SCALES:
        return section
    error, how = _error(row)
    if not np.isfinite(error) or error <= 0:
        return section
    scale = _per(effect.per, row, facts)
    how += f"; brought from rates per {effect.per / scale:,.10g} to per {effect.per:,.10g}" if scale != 1 else ""
    how += _drawn(test)
    taken = replace(
        effect, estimate=float(row["estimate"]) * scale, std_error=error * scale, scale=SCALES[row["scale"]],
        bundle=None, outcome="",
        source=f"{origin}: {row['estimator']}, {row['aggregation']}, {row['inference']}{how}",
    )  # fmt: skip
    return replace(section, effect=taken)


def _error(row: Mapping[str, Any]) -> tuple[float, str]:
    """Return the standard error on the working scale, and how it was found where it was not given."""
    if np.isfinite(row["std_error"]):
        return float(row["std_error"]), ""
    ends = np.array([row["conf_low"], row["conf_high"]], float)
    if row["scale"] == "ratio":
        ends = np.log(np.where(ends > 0, ends, np.nan))
    level = row["conf_level"]
    width = float(ends[1] - ends[0])
    return width / (2 * NormalDist().inv_cdf((1 + level) / 2)) if np.isfinite(level) else np.nan, (
        "; standard error from the width of its interval"
    )


def _drawn(test: ConfidenceDistribution | str) -> str:
    """Say what the effect is drawn from, and why."""
    if isinstance(test, ConfidenceDistribution):
        return (
            "; drawn from the confidence distribution of its inverted test, whose intervals are the test's own "
            f"where its curve was computed; its mean, {numeral(test.mean, 4)}, stands in tables at expected values"
        )
    return f"; drawn from a normal distribution ({test})" if test else ""
