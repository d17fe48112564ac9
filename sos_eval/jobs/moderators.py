"""What a run does with declared moderators: a row per group, and the test of their difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.errors import Faults, InputFault, NotIdentified
from sos_eval.inference.analytic import Analytic
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Group, Key, primary
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import too_few_for_an_interval
from sos_eval.results.table import overall_rows
from sos_eval.theory.moderators import Moderation, Moderator, difference_label, group_faults, moderation, parts_of

__all__ = ["Moderated", "moderated", "refuse_groups", "refuse_parts"]

FEW = "with few treated units conventional intervals are too narrow; the difference is tested by random adoptions"


#: Beside the test of more than two groups.
_ALL = "one test of all groups at once, so no one difference: those of pairs are in moderators.pairs"
#: Treated and comparison clusters from which they are not.
_MANY = 40


@dataclass(frozen=True)
class Moderated:
    """Rows of `estimates.csv` with a subgroup, the table of tests, and what was found by column; empty without any."""

    rows: tuple[pd.DataFrame, ...] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    found: dict[str, Moderation] = field(default_factory=dict)


def refuse_groups(design: Design, groups: dict[Key, Group]) -> None:
    """Refuse, before outcomes are read, moderators whose groups lack a treated or an untreated unit.

    Raises
    ------
    NotIdentified
        Every group, each with the line of its moderator.
    """
    faults = Faults(NotIdentified)
    for i, one in enumerate(design.moderators):
        where = design.document.where(("moderators", i))
        group = groups[primary(design, groups)]
        panel = group.source.select(group.lots_of) if group.lots_of else group.source
        try:
            for what in group_faults(panel, one.by):
                faults.add(where, f"moderators.{i}.by: {what}", "choose wider groups, or take it out")
        except InputFault as fault:
            told = fault.faults[0]
            faults.add(where, told.what, told.instead or "name a column that is fixed before the start")
    faults.stop()


def refuse_parts(design: Design, groups: dict[Key, Group], fitted: Mapping[Key, Fitted]) -> None:
    """Refuse moderators in a group of which the headline's estimate cannot be made: in `check`, and before a run tests.

    Raises
    ------
    NotIdentified
        Every group, each with the line of its moderator.
    """
    faults = Faults(NotIdentified)
    for i, one in enumerate(design.moderators):
        try:
            parts_of(fitted[primary(design, groups)], one.by)
        except InputFault as fault:
            for told in fault.faults:
                faults.add(design.document.where(("moderators", i)), told.what, f"{told.instead}, or take it out")
    faults.stop()


def moderated(design: Design, groups: dict[Key, Group], fitted: dict[Key, Fitted], account: Account) -> Moderated:
    """Estimate the headline by group, and test the difference."""
    if not design.moderators:
        return Moderated()
    key = primary(design, groups)
    rows, tests, every = [], [], {}
    for one in design.moderators:
        found = every[one.by] = moderation(fitted[key], one, account.stream("moderator", *key, one.by))
        rows += [_row(label, group, found.scale, account) for label, group in found.groups.items()]
        tests.append(_test(one, found))
        if len(found.groups) == 2:
            rows.append(_difference(one, found, rows[-2:]))
    tables = {"moderators": pd.DataFrame(tests)}
    pairs = [found.pairs.assign(by=by, scale=_differences_scale(found)) for by, found in every.items()]
    tables |= {"moderators.pairs": pd.concat(pairs, ignore_index=True)} if any(map(len, pairs)) else {}
    return Moderated(tuple(rows), tables, every)


def _row(label: str, fitted: Fitted, scale: str, account: Account) -> pd.DataFrame:
    """Return a group's overall effect with a conventional interval."""
    inferred = Analytic(band_draws=0).infer(fitted, account.stream("moderator", label))
    row = overall_rows(inferred.table)
    row = row[row["scale"] == scale].iloc[[0]]
    panel = fitted.panel
    treated, others = panel.n_treated_clusters, panel.n_clusters - panel.n_treated_clusters
    if why := too_few_for_an_interval(treated, others):
        empty = dict.fromkeys(("conf_low", "conf_high", "band_low", "band_high", "statistic", "df", "p_value"), np.nan)
        return row.assign(**empty, subgroup=label, role="secondary", reason=why)
    few = FEW if min(treated, others) < _MANY else ""
    reason = row["reason"].where(row["reason"].astype(str) != "", few)
    return row.assign(subgroup=label, role="secondary", reason=reason)


def _difference(moderator: Moderator, found: Moderation, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the row of the difference of two groups, second less first, with the test's p."""
    first, second = (part.iloc[[0]].reset_index(drop=True) for part in parts)
    error = float(np.hypot(first["std_error"].iloc[0], second["std_error"].iloc[0]))
    apart = np.exp(found.difference) if found.scale == "ratio" else found.difference
    empty = dict.fromkeys(("conf_low", "conf_high", "band_low", "band_high", "statistic", "df"), np.nan)
    counts = {name: first[name] + second[name] for name in ("n_obs", "n_units", "n_treated_units", "n_clusters")}
    return first.assign(
        **empty, **counts, subgroup=difference_label(moderator.by), estimate=apart, std_error=error,
        p_value=found.p_value, inference="randomization", reason="",
    )  # fmt: skip


def _test(moderator: Moderator, found: Moderation) -> dict[str, object]:
    """Return the line of the test."""
    groups = "; ".join(
        f"{name}: {int(group.panel.ever_treated.sum())} treated of {group.panel.n_units}"
        for name, group in found.groups.items()
    )
    return {
        "by": moderator.by, "groups": groups, "difference": found.difference, "p_value": found.p_value,
        "detectable": found.detectable, "draws": found.draws,
        "scale": _differences_scale(found), "reason": _ALL if len(found.groups) > 2 else "",
    }  # fmt: skip


def _differences_scale(found: Moderation) -> str:
    return "log ratio" if found.scale == "ratio" else found.scale
