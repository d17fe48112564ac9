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

__all__ = ["mediation_blocks"]

_JOINT = (
    "words", "first_p", "link", "true_link", "link_low", "link_high", "link_p", "link_detectable", "joint_p", "n_units",
    "reason",
)  # fmt: skip


def mediation_blocks(bundle: ResultBundle, pictures: Sequence[Block]) -> list[Block]:
    """Return the test of both links, and the parts of the effect where a path is declared."""
    return [*_joint(bundle), *_parts(bundle), *pictures]


def _joint(bundle: ResultBundle) -> list[Block]:
    table = bundle.tables("mechanisms.joint")
    if table.empty:
        return []
    told, known = with_true_mechanism(bundle, table, "second_link")
    return [
        Text(
            "Both links together: the joint p is the larger of the first link's and of the second's, whether the "
            "mediator's change goes with the outcome's given who began. No lot decided the mediator, so the second "
            "link is an association: with both links present the mechanism is possible, not shown. Links at their "
            "detectable sizes are found four times in five each, so both at once in about two of three."
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
    relied = [
        f"{words.get(str(path['through']), path['through'])}: {path['ignorability']}{_reference(path)}"
        for path in declared
    ]
    quantities = [plain_words(str(name)) if pd.notna(name) else "" for name in table["quantity"]]
    told, known = with_true_mechanism(bundle, table)
    told = told.drop(columns="mediator").assign(quantity=quantities)
    return [
        Text("What the split relies on, as declared and untestable: nothing hidden moves both mediator and outcome."),
        Bullets(tuple(relied)),
        Text(
            "And that the mediator is measured without error: what an unreliable measure leaves out of its path looks "
            "like an effect beside it. Nothing is corrected for that."
        ),
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
