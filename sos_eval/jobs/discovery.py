"""What a run does with entries that look for differences of the effect: refuse what is too small, tell the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.errors import Faults, InputFault, NotIdentified
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Group, Key, primary
from sos_eval.numerics.multiplicity import holm
from sos_eval.results.fitted import Fitted
from sos_eval.theory.discovery import changes_of, too_few_clusters
from sos_eval.theory.exploration import EXPLORATORY, Explored, explored

__all__ = ["Discovered", "discovered", "refuse_discoveries"]


@dataclass(frozen=True)
class Discovered:
    """The tables of all discoveries, and by learner who was in which group (`Explored.behind`); empty without any."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    members: dict[str, pd.DataFrame] = field(default_factory=dict)


def refuse_discoveries(design: Design, groups: dict[Key, Group]) -> None:
    """Refuse, before anything is estimated, to look for differences among few clusters.

    Raises
    ------
    NotIdentified
        With the line of the first entry, and the differences that could be found.
    """
    faults = Faults(NotIdentified)
    for place, _ in design.discoveries[:1]:
        where = design.document.where(("moderators", place))
        if what := too_few_clusters(groups[primary(design, groups)].comparison.panel):
            instead = "declare at most two moderators with by, each tested as declared"
            faults.add(where, f"moderators.{place}.discover: {what}", instead)
    faults.stop()


def discovered(design: Design, groups: dict[Key, Group], fitted: dict[Key, Fitted], account: Account) -> Discovered:
    """Return what all discoveries found on the headline's units, in tables with a column `learner`.

    Raises
    ------
    NotIdentified
        What cannot be learnt from, each with its line.
    """
    faults, found = Faults(NotIdentified), {}
    key = primary(design, groups)
    for place, learner in design.discoveries:
        headline = fitted[key]
        rng = account.stream("discovery", *key, str(learner.name))
        try:
            changes = changes_of(headline.panel, learner.among, headline.estimator.anticipation)
            found[str(learner.name)] = explored(learner, changes, rng)
        except InputFault as fault:
            for one in fault.faults:
                faults.add(design.document.where(("moderators", place)), one.what, one.instead)
    faults.stop()
    return Discovered(_tables(found), {name: one.behind for name, one in found.items()}) if found else Discovered()


def _tables(found: dict[str, Explored]) -> dict[str, pd.DataFrame]:
    """Return the tables of all learners; p of calibration is adjusted for their number (Holm)."""
    names = {"test": "moderators.discovery", "groups": "moderators.discovery.groups",
             "projection": "moderators.discovery.projection", "members": "moderators.discovery.members",
             "distribution": "moderators.discovery.distribution"}  # fmt: skip
    tables: dict[str, Any] = {
        name: pd.concat([getattr(one, part).assign(learner=learner) for learner, one in found.items()])
        for part, name in names.items()
    }
    tests = tables["moderators.discovery"]
    told = tests["p_value"].notna().to_numpy()
    adjusted = np.full(len(tests), np.nan)
    adjusted[told] = holm(tests.loc[told, "p_value"].to_numpy(float)[:, None])[:, 0]
    tables["moderators.discovery"] = tests.assign(p_adjusted=adjusted, status=EXPLORATORY)
    return {name: _ordered(table) for name, table in tables.items()}


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Put the learner first and the status last."""
    middle = [str(name) for name in table if name not in ("learner", "status")]
    return table[["learner", *middle, "status"]].reset_index(drop=True)
