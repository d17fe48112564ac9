"""The report on differences that were looked for, not declared: marked exploratory throughout."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import p_text
from sos_eval.report.content import Block, Heading, Table, Text
from sos_eval.report.reading import unit_words
from sos_eval.report.tabulate import shown
from sos_eval.report.truth_blocks import with_true_parts
from sos_eval.report.wording import number
from sos_eval.results.method import lookup

__all__ = ["discovery_blocks", "learner_label", "more_than_noise"]

_MARK = "Exploratory"
#: Adjusted p from which a learner's predictions are told as noise.
_LEVEL = 0.05


def discovery_blocks(bundle: ResultBundle, pictures: Sequence[Block]) -> list[Block]:
    """Return what the learners found, and whether it is more than noise; nothing where none was declared."""
    tests = bundle.tables("moderators.discovery")
    if tests.empty:
        return []
    many = unit_words(bundle)[1]
    said = " ".join(_found(row, many) for _, row in tests.iterrows())
    groups, line = bundle.tables("moderators.discovery.groups"), bundle.tables("moderators.discovery.projection")
    groups, known = with_true_parts(bundle, groups, "moderators.discovery.true_effects", ["learner", "group"])
    members = bundle.tables("moderators.discovery.members")
    return [
        Heading(f"{_MARK}: where the effect may differ", 3),
        Text(
            "What stands here was looked for in these data, not declared before them. It is a question for the next "
            f"evaluation, not a finding of this one. Effects were predicted for {many} that the learner had not seen, "
            "and judged on them."
        ),
        Text(said),
        *([Text(known)] if known else []),
        *pictures,
        Table(_labelled(tests.drop(columns="reason")), f"{_MARK}: average effect, calibration, outer groups"),
        Table(_labelled(groups), f"{_MARK}: average effect on the treated of each group by predicted effect"),
        Table(_labelled(line), f"{_MARK}: what a standard deviation of each column adds to the effect"),
        Table(_labelled(members), f"{_MARK}: means of the treated with the lowest and the highest predicted effect"),
    ]


def learner_label(name: str) -> str:
    """Return a learner's name in words."""
    return str(lookup("discovery", name).label)


def more_than_noise(row: pd.Series) -> bool:
    """Say whether a learner's predictions carry over to units that it had not seen, adjusted for all learners."""
    return bool(row["p_adjusted"] <= _LEVEL)


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    return shown(table.assign(learner=[learner_label(name) for name in table["learner"]]))


def _found(row: pd.Series, many: str) -> str:
    """Say whether predictions carry over to units that they were not made from."""
    name = learner_label(str(row["learner"])).capitalize()
    if row["reason"]:
        return f"{name}: {row['reason']}."
    what = f"the calibration slope is {number(row['slope'])} ({p_text(row['p_adjusted'])}, adjusted for all learners)"
    size = f"A difference between the outer groups below {number(row['detectable'])} is missed more often than 1 in 5."
    if not more_than_noise(row):
        return f"{name}: {what}: the predicted differences cannot be told from noise. {size}"
    return f"{name}: {what}: predicted differences carry over to {many} that the learner had not seen. {size}"
