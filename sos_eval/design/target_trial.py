"""The trial that a design stands in for, as far as its declarations say it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sos_eval.design.design import Design, Entry
from sos_eval.design.estimand import estimand_rows, intercurrent_rows, matches_rows
from sos_eval.errors import listed

__all__ = ["target_trial"]

BLANK = ""


def target_trial(design: Design) -> pd.DataFrame:
    """Return what a report of an emulated trial says, by the sections of the TARGET statement (2025), as declared.

    The sections are TARGET's, the elements those of the target-trial framework in our words: the statement's own items
    are not repeated. What no declaration fills is blank, for the authors.
    """
    table = pd.DataFrame(_rows(design), columns=["section", "element", "as_declared"])
    return table.assign(state=["declared" if said else "to be written" for said in table["as_declared"]])


def _rows(design: Design) -> Iterator[tuple[str, str, str]]:
    asked, estimand = design.question, dict(estimand_rows(design))
    entry = design.primary
    since = "the end of each treated unit's window" if matches_rows(entry) else "each unit's first treated period"
    yield "Abstract", "that a trial is emulated, with which data", BLANK
    yield "Introduction", "background", BLANK
    yield "Introduction", "causal question", _question(design)
    yield "Introduction", "why no trial was run", BLANK
    yield "Methods", "data sources", _source(design)
    yield "Methods", "who is eligible", _eligible(design)
    against = _declared(estimand["Compared with"]) or "a comparator that is not declared"
    yield "Methods", "strategies compared", f"{estimand['Strategy']}, against {against}"
    yield "Methods", "assignment", _assignment(design.by_lot)
    yield (
        "Methods",
        "start and end of follow-up",
        f"from {since} to the last period that is compared",
    )
    yield "Methods", "outcomes", _declared(estimand["Outcome"])
    yield "Methods", "what is estimated", estimand["Summary"]
    yield "Methods", "what comes in between", "; ".join(f"{name}: {how}" for name, how in intercurrent_rows(design))
    yield "Methods", "assumptions", _assumptions(design)
    inference = listed([one.key for one in entry.inference or design.inference])
    yield "Methods", "analysis", f"{entry.id} ({entry.method.label}); inference: {inference}"
    yield "Methods", "missing data", f"unbalanced: {design.panel.unbalanced}; {_imputed(design)}"
    yield "Methods", "checks and sensitivity", listed([str(one.name).replace("_", " ") for one in design.checks])
    yield "Results", "who took part", "flow.csv"
    yield "Results", "baseline", BLANK if _unmatched(entry) else "balance.csv"
    yield "Results", "estimates", "estimates.csv, with every inference declared"
    yield "Discussion", "interpretation and limits", " ".join(asked.caveats)
    yield "Other information", "registration, funding, interests, ethics", BLANK


def _eligible(design: Design) -> str:
    """Say who can enter either arm, and what the declared restrictions are."""
    entry = design.primary
    arms = (
        "people in the declared sets" if matches_rows(entry)
        else "units that begin within the window, and those that stand in for them without it"
    )  # fmt: skip
    restrict = entry.comparison.restrict
    same = restrict.same if restrict is not None and restrict.as_treated else ()
    within = f"; the latter with the same {listed(list(same))} as some of the former" if same else ""
    excluded = design.panel.exclude or (restrict is not None and restrict.exclude)
    named = "; some left out by name" if excluded else ""
    return f"{design.question.population or 'not declared'}: {arms}{within}{named} (flow.csv has all, with reasons)"


def _unmatched(entry: Entry) -> bool:
    """Whether no covariate's balance is looked at: balance.csv is then empty."""
    return str(entry.comparison.name) == "none" and not entry.comparison.reads


def _imputed(design: Design) -> str:
    """Say whether gaps are filled, of whatever entry."""
    ways = [one for one in (design.panel.imputation, *(entry.panel.imputation for entry in design.estimators)) if one]
    if not ways:
        return "nothing is imputed"
    number = ways[0].number
    many = f"{number} times" if number else "once per cent of rows with a gap"
    return f"gaps of covariates are imputed {many}, where an estimator uses them; outcomes are not"


def _declared(said: str) -> str:
    return BLANK if said.startswith("not declared") else said


def _question(design: Design) -> str:
    asked = design.question
    parts = (asked.intervention, asked.comparator, asked.outcome)
    return f"{asked.outcome}: under {asked.intervention}, against {asked.comparator}" if all(parts) else BLANK


def _source(design: Design) -> str:
    return f"{design.panel.source} (panel.source); provenance.json has files and hashes"


def _assignment(by_lot: str) -> str:
    if by_lot:
        return "the trial draws starts by lot; so, as declared, were these"
    return (
        "the trial draws starts by lot; how these came about is not declared, and what is assumed (below) stands in "
        "for the lot"
    )


def _assumptions(design: Design) -> str:
    if design.by_lot:
        return (
            "a lot drew when each unit starts, so that without the intervention all would have changed alike on average"
        )
    known = "; the theory names what may move trends" if design.theory is not None else ""
    return f"{design.primary.method.assumes}{known}"
