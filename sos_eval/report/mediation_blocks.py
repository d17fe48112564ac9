"""The report on what runs through measured mediators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Bullets, Table, Text
from sos_eval.report.tabulate import shown, with_p
from sos_eval.report.truth_blocks import with_true_mechanism
from sos_eval.report.wording import number, plain_words
from sos_eval.results.method import lookup

__all__ = ["first_link_blocks", "mediation_blocks"]

_MISSED = "An effect smaller than the detectable one is missed more often than one time in five."

_JOINT = (
    "words", "first_p", "link", "true_link", "link_low", "link_high", "link_p", "link_detectable", "joint_p", "n_units",
    "reason",
)  # fmt: skip


def first_link_blocks(bundle: ResultBundle) -> list[Block]:
    """Return the effects on what the intervention is said to work through, where that is measured."""
    table = bundle.tables("mechanisms.first_link")
    if table.empty:
        said = (
            "Nothing between practice and outcome is measured, so no effect on it was estimated: the mechanism itself"
        )
        return [Text(f"{said} is not shown.")]
    table, known = with_true_mechanism(bundle, table, "first_link")
    named = (
        "words", "estimate", "true_effect", "conf_low", "conf_high", "n_treated_units", "p_value", "detectable",
        "reason",
    )  # fmt: skip
    said = "The first link: by the same design and the same random adoptions, what practice does to what it is said to"
    needed = "An effect there is needed for the mechanism, and does not show the rest of it."
    return [
        Text(" ".join(filter(None, (f"{said} work through. {needed} {_MISSED}", _link_scale(table), known)))),
        Table(shown(with_p(table[[name for name in named if name in table]])), "Effects on measured mediators"),
    ]


def _link_scale(table: pd.DataFrame) -> str:
    """Say on which scale effects on mediators are, and how they were estimated; empty where there is none."""
    told = table[table["estimate"].notna()] if "scale" in table else table.iloc[:0]
    if told.empty:
        return ""
    by = lookup("estimator", str(told["method"].iloc[0])).label
    return f"Effects are differences in the mediator's own unit ({by}), with conventional intervals."


def mediation_blocks(bundle: ResultBundle, pictures: Sequence[Block]) -> list[Block]:
    """Return the test of both links, and the parts of the effect where a path is declared."""
    return [*_joint(bundle), *_parts(bundle), *pictures]


#: What a dose that differs does to everything that is made of the second link (docs/theory.md, measured).
DOSE = (
    "Where practice is stronger in some authorities than in others (fidelity, dose, an effect that differs), its "
    "strength moves mediator and outcome alike: it is then such a hidden cause, and the second link and what runs "
    "through the mediator are off (in simulated worlds they came out too large)."
)


def _joint(bundle: ResultBundle) -> list[Block]:
    table = bundle.tables("mechanisms.joint")
    if table.empty:
        return []
    told, known = with_true_mechanism(bundle, table, "second_link")
    return [
        Text(
            "Both links together: the joint p is the larger of the first link's and of the second's, whether the "
            "mediator's change goes with the outcome's given who began (p: what is left of the mediator is dealt out "
            "among units). No lot decided the mediator, so the second link is an association: with both links present "
            "the mechanism is possible, not shown. A mediator that is measured with error has a smaller second link "
            "than the true one, so that one of about nothing does not show that there is no path. Links at their "
            "detectable sizes are found four times in five each, so both at once in about two of three. "
            f"{DOSE}"
        ),
        *([Text(known)] if known else []),
        Table(
            shown(with_p(told[[name for name in _JOINT if name in told]])),
            "Both links: effect on the mediator, and mediator with outcome",
        ),
    ]


def _parts(bundle: ResultBundle) -> list[Block]:
    """Return the split effects, what they rely on, and what hidden causes would do to them."""
    table, hidden = bundle.tables("mechanisms.mediation"), bundle.tables("mechanisms.sensitivity")
    if table.empty:
        return []
    declared: list[dict[str, Any]] = (bundle.design.get("theory") or {}).get("mediation") or []
    words = dict(zip(table["mediator"].astype(str), table["words"].astype(str), strict=True))
    split = set(table.loc[table["estimate"].notna(), "mediator"])
    relied = [
        f"{words.get(str(path['through']), path['through'])}: {path['ignorability']}"
        f"{_reference(path) if path['through'] in split else ''}"
        for path in declared
    ]
    quantities = [plain_words(str(name)) if pd.notna(name) else "" for name in table["quantity"]]
    told, known = with_true_mechanism(bundle, table)
    told = told.drop(columns="mediator").assign(quantity=quantities)
    relies = "What the split relies on" if split else "What a split would rely on"
    error: list[Block] = [
        Text(
            "And that the mediator is measured without error: what an unreliable measure leaves out of its path looks "
            f"like an effect beside it. Nothing is corrected for that. {DOSE}"
        ),
    ]
    return [
        Text(f"{relies}, as declared and untestable: nothing hidden moves both mediator and outcome."),
        Bullets(tuple(relied)),
        *(error if split else []),
        *([Text(known)] if known else []),
        Table(shown(told), "The effect split: what runs through the mediator, and the rest"),
        *([_hidden(hidden)] if len(hidden) else []),
    ]


def _reference(path: dict[str, Any]) -> str:
    """Say at which change of the mediator the controlled direct effect is; without an interaction it is at any."""
    if not path.get("interaction", True):
        return ""
    change = number(float(path.get("reference", 0)))
    return (
        f" (the controlled direct effect is told at a change of the mediator, after the start less before, of {change})"
    )


def _hidden(table: pd.DataFrame) -> Block:
    """Say at which correlation of errors nothing is left of the indirect effect."""
    zero = table.groupby("words", sort=False)["rho_at_zero"].first().astype(float)
    said = "; ".join(f"{words}: {number(rho)}" for words, rho in zero.items())
    return Text(
        f"A hidden cause whose errors in mediator and outcome correlate by so much leaves nothing of the indirect "
        f"effect (without interaction): {said}. tables/mechanisms.sensitivity.csv has the effect at every correlation."
    )
