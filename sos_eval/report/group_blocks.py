"""Who stands in for the treated: the headline's comparison group, those of rows of people, and their balance."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import numeral
from sos_eval.report.basis import on_what
from sos_eval.report.content import Block, Bullets, Table, Text
from sos_eval.report.reading import estimator_label, outcome_label, unit_words, weighs
from sos_eval.report.tabulate import shown
from sos_eval.report.whose import in_place_of
from sos_eval.report.wording import covariate_words, listing, number
from sos_eval.results.comparison import OF_UNITS
from sos_eval.results.method import lookup

__all__ = ["balance_table_of", "group_words", "groups_of_rows", "why_no_balance"]

_BALANCE = {
    "covariate": "Covariate", "stage": "Stage", "mean_treated": "Mean, treated", "mean_comparison": "Mean, comparison",
    "std_mean_diff": "Standardised difference", "variance_ratio": "Variance ratio", "n_treated": "Treated",
    "n_comparison": "Comparison", "ess_comparison": "Comparison, effective number",
}  # fmt: skip
_OWN, _FLOW = ".balance", ".flow"


def group_words(bundle: ResultBundle) -> list[Block]:
    """Say who stands in for the treated, how they were found, and what of that is known."""
    declared = bundle.design.get("comparison")
    options: dict[str, Any] = declared if isinstance(declared, dict) else {}
    method = str(options.get("method", "none"))
    who = in_place_of(bundle.facts.panel, unit_words(bundle))
    if method == "none":
        if not bundle.facts.panel.n_comparison_units and len(bundle.facts.panel.cohorts) < 2:
            return [Text("Nobody stands in for the treated: what they would have been is read off their own past.")]
        own = weighs(bundle, bundle.facts.headline.estimator)
        return [Text(f"{who}: all that the design keeps; {own or 'none were matched or weighted'}.")]
    if method == "declared":
        seen = "Whether outcomes had been seen when they were written is not known to this run."
        return [Text(f"{who}, in matched sets that are written in the design. {seen}")]
    panel = bundle.facts.panel
    whose = (
        "each cohort of starters by itself, before any outcome after its own start"
        if panel.matched_apart
        else ("before any outcome after the first start")
    )
    how = f"chosen by {lookup('comparison', method).label}{on_what(panel)}, {whose} was read"
    return [Text(f"{who}, {how}.")]


def groups_of_rows(bundle: ResultBundle) -> list[Block]:
    """Return a table of the estimates that match rows of people: rows kept of each arm, how alike before and after."""
    rows = [found for name in _of_rows(bundle, _OWN) if (found := _group(bundle, name))]
    if not rows:
        return []
    said = (
        "These estimates compare rows of people (events, or children), matched within the sets. The tables named hold "
        "their balance by covariate; beside them lie tables that end on .balance_measures (joint measures) and "
        "on .flow (what became of the rows, step by step)."
    )
    if any("Data set" in row for row in rows):
        said += (
            " Where gaps of covariates were imputed, each completed data set is matched by itself: rows, balance and "
            "flow here are those of the first, estimates those of all."
        )
    caption = "Rows that were matched, and the largest standardised difference of a covariate"
    return [Text(said), Table(pd.DataFrame(rows, dtype=object), caption), *_lost_rows(bundle)]


def _of_rows(bundle: ResultBundle, ending: str) -> list[str]:
    """Return the tables of groups of rows of people that end so; groups of units have tables of the same names."""
    groups = bundle.facts.row_groups
    return [
        name
        for name in bundle.table_names
        if name.endswith(ending) and (groups is None or name.removesuffix(ending) in groups)
    ]


def _lost_rows(bundle: ResultBundle) -> list[Block]:
    """Say how many rows were read, and which were dropped for what; those of one flow once."""
    said: dict[str, list[str]] = {}
    for name in _of_rows(bundle, _FLOW):
        flow = bundle.tables(name)
        lost = flow[(flow["what"] == "dropped") & (flow["units"] == 0) & flow["rows"].gt(0)]
        estimator, _, outcome = name.removesuffix(_FLOW).partition(".")
        parts = [f"{row['rows']:,.0f} dropped: {row['reason']}" for _, row in lost.iterrows()]
        if parts:
            ends = {step: float(flow["rows"][flow["step"] == step].sum()) for step in ("start", "end")}
            sets = re.search(r"; (\d+) rows (with those .*)$", str(flow["reason"][flow["step"] == "end"].iloc[0]))
            kept = f"{ends['end']:,.0f} kept" + (f" ({int(sets[1]):,} {sets[2]})" if sets else "")
            text = "; ".join([f"{ends['start']:,.0f} rows read", *parts, kept])
            said.setdefault(text, []).append(f"{estimator_label(bundle, estimator)}, {outcome_label(bundle, outcome)}")
    return [Bullets(tuple(f"{listing(whose)}: {text}." for text, whose in said.items()))] if said else []


def _group(bundle: ResultBundle, name: str) -> dict[str, str]:
    """Return the line of one table of balance; nothing where its numbers are withheld."""
    estimator, _, outcome = name.removesuffix(_OWN).partition(".")
    table = bundle.tables(name)
    table = table[~table["covariate"].astype(str).str.endswith(OF_UNITS)]  # in a sequence units are paired first
    stages = {stage: table[table["stage"] == stage] for stage in ("before", "after")}
    cells = {"Estimator": estimator_label(bundle, estimator), "Outcome": outcome_label(bundle, outcome)}
    for arm, column in (("treated", "n_treated"), ("comparison", "n_comparison")):
        kept, every = (float(stages[stage][column].max()) for stage in ("after", "before"))
        cells[f"Rows, {arm}"] = "withheld" if math.isnan(kept) else f"{kept:,.0f} of {every:,.0f}"
    for stage, part in stages.items():
        worst = float(part["std_mean_diff"].abs().max())
        cells[f"Largest difference {stage}"] = number(worst) or "withheld"
    found = bundle.estimates.query("estimator == @estimator and outcome == @outcome")["n_clusters"].max()
    cells["Clusters of errors"] = number(float(found), 9)
    number_of = _completed(bundle, estimator, outcome)
    cells |= {"Data set": f"first of {number_of} completed"} if number_of else {}
    return {**cells, "Table": f"tables/{name}.csv"} if len(table) else {}


def _completed(bundle: ResultBundle, estimator: str, outcome: str) -> int:
    """Return over how many completed data sets an estimate is pooled; 0 where nothing was imputed."""
    for facts in bundle.results.get("inference_facts") or []:
        if (facts.get("estimator"), facts.get("outcome")) == (estimator, outcome) and facts.get("imputations"):
            return int(facts["imputations"])
    return 0


def balance_table_of(bundle: ResultBundle) -> list[Block]:
    """Return the balance of the headline's group as a table; nothing where no covariate is compared."""
    table = bundle.balance
    if table.empty:
        return []
    seen = table[list(_BALANCE)]
    named = [covariate_words(str(name)) for name in seen["covariate"]]
    frame = shown(seen.assign(covariate=named)).rename(columns=_BALANCE)
    if bundle.guarded:  # a digit that is not told stands nowhere
        frame = frame.assign(**{_BALANCE["std_mean_diff"]: [_as_told(one) for one in seen["std_mean_diff"]]})
    return [Table(frame, "Covariates before and after the comparison group was built")]


def why_no_balance(bundle: ResultBundle) -> str:
    """Say why there is no balance of the headline's group to draw: withheld, elsewhere, or never asked for."""
    if "balance.csv" in set(bundle.withheld.get("file", pd.Series(dtype=str)).astype(str)):
        return "balance of the headline's comparison group is withheld (disclosure.csv)"
    own = _of_rows(bundle, _OWN)
    where = f"; that of groups of rows is in {listing([f'tables/{name}.csv' for name in own])}" if own else ""
    return f"the headline's comparison group was compared on no covariate (balance.csv){where}"


def _as_told(value: float) -> str:
    """Return a standardised difference without digits that it does not have."""
    return "" if pd.isna(value) else "about 0" if value == 0 else numeral(value).replace("-", "−")
