"""What a run does with a declared programme theory: identify, name what may move trends, test what can be tested."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from sos_eval.bundle.withheld import few_words
from sos_eval.design.design import Design
from sos_eval.errors import Faults, NotIdentified
from sos_eval.estimators.twfe import TWFE
from sos_eval.jobs.absorbed import absorbed_covariates
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Group, Key, primary
from sos_eval.panel.panel import Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.theory import TheoryFacts
from sos_eval.theory.first_link import first_links, mediators
from sos_eval.theory.identify import Identification, identified
from sos_eval.theory.implications import held_against
from sos_eval.theory.mediation import joint_test, parts_of_effect, too_late
from sos_eval.theory.read import constant_at
from sos_eval.theory.tables import adjustment_table, edges_table, nodes_table
from sos_eval.theory.trends import movers
from sos_eval.theory.words import facts_of

__all__ = ["Theorised", "identification", "on_values", "refuse_mediators", "theorised"]

#: Level of the adjusted tests of what a theory implies.
LEVEL = 0.05
#: Random adoptions that test effects on mediators.
DRAWS = 999


@dataclass(frozen=True)
class Theorised:
    """What came of a theory; empty where a design declares none."""

    facts: TheoryFacts = field(default_factory=TheoryFacts)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def identification(design: Design) -> Identification | None:
    """Return what identifies the effect by the declared graph; None where no theory is declared.

    Raises
    ------
    InputFault
        dowhy is not installed.
    """
    theory = design.theory
    return None if theory is None else identified(theory.graph, theory.treatment, theory.outcome, theory.measured)


def refuse_mediators(design: Design, groups: dict[Key, Group]) -> None:
    """Refuse mediators that are measured after the outcome, or by words, and constant nodes whose columns change.

    Raises
    ------
    NotIdentified
        Each with the line of the theory.
    """
    theory, faults = design.theory, Faults(NotIdentified)
    for node in mediators(theory) if theory is not None else ():
        column = theory.columns[node] if theory is not None else ""
        where, panel = design.document.where(("theory", "columns", node)), groups[primary(design, groups)].source
        if not pd.api.types.is_numeric_dtype(panel.frame[column]):
            what = f"theory.columns.{node}: {panel.label(column)} holds words, and effects are on numbers"
            faults.add(where, what, "name a column of numbers, or take it out: the node then counts as not measured")
        elif what := too_late(panel, column):
            faults.add(where, f"theory.columns.{node}: {what}", "name an earlier measurement, or widen panel.window")
    if theory is not None:
        panel = groups[primary(design, groups)].source
        for node, column in theory.columns.items():
            if theory.node(node).constant and (what := _changing(panel, column)):
                where = constant_at(design.document, node)
                told = f"theory.nodes.{node}: constant, and its column {what}"
                faults.add(where, told, "take constant out, or name another column")
    faults.stop()


def _changing(panel: Panel, column: str) -> str:
    """Say in which unit a column changes first; empty where it does in none. Of people it is not of units."""
    if panel.layout != "panel":
        return ""
    values = panel.frame.groupby("unit", sort=False)[column].nunique()
    changing = values.index[values > 1]
    return f"{panel.label(column)} changes within {changing[0]}" if len(changing) else ""


def theorised(
    design: Design,
    found: Identification | None,
    groups: dict[Key, Group],
    fitted: dict[Key, Fitted],
    account: Account,
) -> Theorised:
    """Return a theory's answers on the panel of the headline."""
    theory = design.theory
    if theory is None or found is None:
        return Theorised()
    first = primary(design, groups)
    entry, source = groups[first].entry, fitted[first].source
    absorbed = absorbed_covariates(fitted[first])
    used = [name for name in entry.method.adjusts_for(entry.panel.covariates) if name not in absorbed]
    moving = movers(theory, (*used, *entry.comparison.columns), absorbed)
    table = held_against(theory, source)
    tables = {
        "theory.nodes": nodes_table(theory), "theory.edges": edges_table(theory), "theory.trends": moving,
        "theory.adjustment": adjustment_table(found), "theory.implications": table,
    }  # fmt: skip
    links = first_links(theory, on_values(fitted[first]), DRAWS, account.stream("first_link", *first))
    tables["mechanisms.first_link"] = _guarded(links, design)
    if not design.disclosure.guards:
        rng = account.stream("second_link", *first)
        tables["mechanisms.joint"] = joint_test(theory, fitted[first], links, DRAWS, rng)
        tables["mechanisms.mediation"], tables["mechanisms.sensitivity"] = parts_of_effect(theory, fitted[first])
    facts = facts_of(theory, found, moving, table, LEVEL)
    return Theorised(facts, {name: table for name, table in tables.items() if len(table)})


def _guarded(links: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Hold back effects on mediators that are measured in fewer units than a disclosure profile lets be told of."""
    if not design.disclosure.guards:
        return links
    fewest = design.disclosure.fewest
    sizes = links[["n_treated_units", "n_units"]].astype(float)
    few = (sizes["n_treated_units"] < fewest) | (sizes["n_units"] - sizes["n_treated_units"] < fewest)
    numbers = ["estimate", "std_error", "conf_low", "conf_high", "n_units", "n_treated_units", "p_value", "detectable"]
    out = links.astype(dict.fromkeys(numbers, float))
    out.loc[few, numbers] = float("nan")
    return out.assign(reason=out["reason"].mask(few, few_words(fewest)))


def on_values(fitted: Fitted) -> Fitted:
    """Return the headline's estimate under a method whose effects are differences: two-way fixed effects for ratios."""
    return replace(fitted, estimator=TWFE()) if (fitted.estimate.cells["scale"] == "ratio").any() else fitted
