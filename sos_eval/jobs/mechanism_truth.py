"""The true effects of a declared world on its mediators, and what of its effect runs through each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.jobs.theory import on_values
from sos_eval.jobs.world_truth import averaged_as, known_as, units_of
from sos_eval.numerics.mediation import QUANTITIES
from sos_eval.results.fitted import Fitted
from sos_eval.results.overall_average import AS_ESTIMATED, PLAIN, averaged_rows
from sos_eval.theory.first_link import fitted_on
from sos_eval.theory.mediation import split_rows
from sos_eval.worlds.source import KnownEffects

__all__ = ["FIRST_LINK", "MECHANISM_TRUTH", "SECOND_LINK", "true_mechanisms"]

MECHANISM_TRUTH = "mechanisms.true_effects"
FIRST_LINK, SECOND_LINK = "first_link", "second_link"
#: Parts of the effect: the expected outcomes that they are the difference of, more and less.
_PARTS = {
    "total_effect": ("with_it", "without"), "pure_natural_direct": ("beside", "without"),
    "total_natural_indirect": ("with_it", "beside"), "total_natural_direct": ("with_it", "through"),
    "pure_natural_indirect": ("through", "without"),
}  # fmt: skip
_COLUMNS = ["mediator", "words", "quantity", "true_effect", "averaged"]


def true_mechanisms(
    design: Design, known: KnownEffects | None, headline: Fitted, tables: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Return ``mechanisms.true_effects``: beside links and parts of the effect what they are in the world.

    A line for each that the run tells: ``first_link`` averaged as the estimate on the mediator averages;
    ``second_link``, what a unit of the mediator adds to the outcome by all ways; and the parts of the effect, over the
    units and periods that the split averages. ``averaged`` says whether the estimate is that average itself; parts of
    effects that differ between units are mixtures. Left out is what the world does not say: where mediators act on
    logarithms, the second link and what hangs on the controlled direct effect.

    Parameters
    ----------
    headline
        The estimate whose mechanism was looked at.
    tables
        The run's tables of the mechanism.
    """
    if known is None or known.ways.empty:
        return {}
    told = set(_told(tables))
    first = tables.get("mechanisms.first_link", pd.DataFrame(columns=["mediator", "words", "column"]))
    rows = []
    for node, words, column in first[["mediator", "words", "column"]].itertuples(index=False):
        ways = known.ways[known.ways["mediator"] == column].set_index(["unit", "time"]).drop(columns="mediator")
        if len(ways):
            found = [*_of_link(headline, column, ways), *_of_outcome(design, known, headline, column, ways)]
            rows += [(node, words, *one) for one in found if (node, one[0]) in told]
    return {MECHANISM_TRUTH: pd.DataFrame(rows, columns=_COLUMNS)} if rows else {}


def _told(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str]]:
    """Return mediator and quantity of every estimate of a mechanism that the run has."""
    named = {
        "mechanisms.first_link": ("estimate", FIRST_LINK), "mechanisms.joint": ("link", SECOND_LINK),
        "mechanisms.mediation": ("estimate", ""),
    }  # fmt: skip
    for name, (value, quantity) in named.items():
        if name in tables:
            own = tables[name][tables[name][value].notna()]
            yield from zip(own["mediator"], [quantity] * len(own) if quantity else own["quantity"], strict=True)


def _of_link(headline: Fitted, column: str, ways: pd.DataFrame) -> Iterator[tuple[str, float, str]]:
    """Return the true first link: what practice adds to the mediator, averaged as its estimate is."""
    on_it = fitted_on(on_values(headline), column)
    own = averaged_rows(on_it.estimator, on_it.estimate).join(ways["moved"], on=["unit", "time"])
    yield FIRST_LINK, float((own["moved"] * own["weight"]).sum()), averaged_as(on_it)


def _of_outcome(
    design: Design, known: KnownEffects, headline: Fitted, column: str, ways: pd.DataFrame
) -> Iterator[tuple[str, float, str]]:
    """Return the true second link and parts of the effect; none where the outcome is not the world's own."""
    outcome = headline.panel.outcome
    own = split_rows(headline, column).join(ways, on=["unit", "time"])
    if outcome.transform != "none" or (outcome.scale, known_as(design, known, outcome.name)) not in set(
        zip(known.overall["scale"], known.overall["outcome"], strict=True)
    ):
        return
    per = units_of(known, known_as(design, known, outcome.name), outcome.scale, headline)
    yield SECOND_LINK, per * float(ways["slope"].iloc[0]), AS_ESTIMATED
    if own.empty or own["moved"].isna().any():
        return
    rows = {name: per * (own[more] - own[less]) for name, (more, less) in _PARTS.items()}
    alike = all(np.ptp(effects) <= 1e-9 * (1 + np.abs(effects).max()) for effects in rows.values())
    true = {name: float((effects * own["weight"]).sum()) for name, effects in rows.items()}
    true["interaction_mediated"] = true["total_natural_indirect"] - true["pure_natural_indirect"]
    if np.isfinite(ways["slope"]).all():  # effects of mediators add up: none depends on where the mediator stands
        true |= {"controlled_direct": true["pure_natural_direct"], "interaction_reference": 0.0}
    plain = headline.panel.covariates or headline.panel.stratified
    for name in filter(true.__contains__, QUANTITIES):
        itself = alike or (name == "total_effect" and not plain)
        yield name, true[name], AS_ESTIMATED if itself else PLAIN
