"""The last step: everything a run found becomes a bundle."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import BundleContent, ResultBundle, write_bundle
from sos_eval.bundle.content import Confidential
from sos_eval.bundle.provenance import provenance
from sos_eval.bundle.tables import (
    adoption,
    flat_columns,
    levels_behind,
    outcome_paths,
    path_counts,
    programmes,
    unit_names,
)
from sos_eval.design.design import Design
from sos_eval.design.lock import lock_path
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Answer, Checked, Group, Key, diagnostics_of, primary
from sos_eval.jobs.discreet import discreet_words
from sos_eval.jobs.group_tables import own_groups, weights_table
from sos_eval.jobs.judge import Judged
from sos_eval.jobs.look import own_look
from sos_eval.jobs.runs import data_files, kept_as
from sos_eval.panel.flow import flow_table
from sos_eval.report.render import render_all
from sos_eval.report.words import headline_of
from sos_eval.results.facts import RunFacts
from sos_eval.results.fitted import Fitted
from sos_eval.results.members import Members
from sos_eval.results.table import EffectTable, stack
from sos_eval.terms import TEST_COLUMNS

__all__ = ["places_of", "write"]


def write(
    design: Design,
    out: Path,
    groups: dict[Key, Group],
    fitted: dict[Key, Fitted],
    answers: dict[Key, Answer],
    checked: list[Checked],
    facts: RunFacts,
    judged: Judged,
    costed: dict[str, Any],
    further: dict[str, pd.DataFrame],
    account: Account,
    *,
    rows: tuple[pd.DataFrame, ...] = (),
    force: bool,
) -> ResultBundle:
    """Lay out the bundle's content and write it whole, figures and report included; `rows` go beside the estimates."""
    first = primary(design, groups)
    inferred = [one.table for answer in answers.values() for one in answer.inferred]
    estimates = stack([*inferred, *(EffectTable(row) for row in rows)])
    periods = groups[first].source.periods
    further = {name: periods.in_table(one) for name, one in further.items()}
    content = BundleContent(
        design=design.resolved, estimates=groups[first].source.periods.in_table(estimates),
        balance=groups[first].comparison.balance, weights=weights_table(groups[first]),
        flow=flow_table(groups[first].comparison.panel),
        diagnostics=diagnostics_of(checked), headline=partial(headline_of, by_lot=design.by_lot), facts=facts,
        provenance=_provenance(design, account, facts),
        tables=_tables(groups, fitted, answers, checked, first) | _curve(judged) | further, tests=_tests(answers),
        economics=costed,
        log="\n".join(account.log) + "\n", confidential=_confidential(design, groups, fitted, checked, first),
        places=places_of(design),
    )  # fmt: skip
    formats, own = design.report.formats, own_look(design)
    keep = kept_as(out, facts.lock)
    return write_bundle(out, content, force=force, render=lambda folder: render_all(folder, formats, own), keep=keep)


def _confidential(
    design: Design, groups: dict[Key, Group], fitted: dict[Key, Fitted], checked: list[Checked], first: Key
) -> Confidential:
    """Return what the gate has to know of a run."""
    group, people = groups[first], any(one.source.layout == "cross_sections" for one in groups.values())
    if not design.disclosure.guards:
        return Confidential(people=people)
    panels = [one.source for one in groups.values()]
    names = {str(name) for panel in panels for pair in panel.unit_names.items() for name in pair if people}
    behind = path_counts(group.source, _chosen(group)) if group.source.layout == "panel" else []
    methods = [*design.inference, *(one for entry in design.estimators for one in entry.inference or ())]
    also = {name for one in methods for name in one.adds_up_by}
    members = {key: Members.of(one, also) for key, one in fitted.items()}
    rows = {_table_name(one, first): one.result.behind for one in checked}
    return Confidential(
        design.disclosure, people, frozenset(names), behind, members, rows, discreet_words(design),
        design.panel.events is not None, levels_behind(fitted[first].panel) if people else {},
        flat_columns(fitted[first].panel) if people else frozenset(),
    )  # fmt: skip


def places_of(design: Design) -> tuple[Path, ...]:
    """Return the folders of this machine that texts of a run may name files in."""
    folders = [design.base, *(file.parent for file in data_files(design)), Path.cwd(), Path.home()]
    absolute = [folder for folder in folders if folder.is_absolute()]
    return tuple(dict.fromkeys([*absolute, *(folder.resolve() for folder in folders)]))


def _chosen(group: Group) -> Any:
    """Return the weights of the comparison group where it is matched or weighted."""
    comparison = group.comparison
    return comparison.weights if comparison.sets is not None or (comparison.weights != 1.0).any() else None


def _curve(judged: Judged) -> dict[str, pd.DataFrame]:
    """Return the power of the headline's test at every size."""
    return {"detectable": judged.curve} if len(judged.curve) else {}


def _tests(answers: dict[Key, Answer]) -> pd.DataFrame:
    """Return `tests.csv`: every permutation test of every estimate."""
    rows = [one.tests for answer in answers.values() for one in answer.inferred if one.tests is not None]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(TEST_COLUMNS))


def _provenance(design: Design, account: Account, facts: RunFacts) -> dict[str, Any]:
    """Return `provenance.json`."""
    lock = lock_path(design)
    return provenance(
        design=design.resolved, design_path=design.path,
        data=[*data_files(design), *([lock] if lock.exists() else [])],
        seed=design.seed, lock=asdict(facts.lock), timings=account.timings, inference=asdict(facts.inference),
        overrides={key: list(values) for key, values in design.overrides.items()},
    )  # fmt: skip


def _table_name(one: Checked, first: Key) -> str:
    """Return the name of a check's file in ``tables/``; those of the headline carry no estimator."""
    own = (one.estimator, one.outcome) == first
    return one.result.name if own else f"{one.estimator}.{one.outcome}.{one.result.name}"


def _tables(
    groups: dict[Key, Group],
    fitted: dict[Key, Fitted],
    answers: dict[Key, Answer],
    checked: list[Checked],
    first: Key,
) -> dict[str, pd.DataFrame]:
    """Return the further tables that figures read, by file name."""
    group = groups[first]
    tables = {"adoption": adoption(group.source)}
    others = programmes(group.source)
    if len(others):
        tables["programmes"] = others
    if group.source.names_read:
        tables["unit_names"] = unit_names(group.source)
    if group.source.layout == "panel":
        of_outcomes = {
            outcome: _chosen(one) for (estimator, outcome), one in groups.items()
            if estimator == first[0] and list(one.source.units) == list(group.source.units)
        }  # fmt: skip
        tables["outcome_paths"] = outcome_paths(group.source, _chosen(group), of_outcomes)
    if group.comparison.sets is not None:
        tables["sets"] = group.comparison.sets
    if len(group.comparison.measures):
        tables["balance_measures"] = group.comparison.measures
    if group.comparison.overlap is not None:
        tables["overlap"] = group.comparison.overlap.astype({"treated": int})
    if group.comparison.values is not None:
        tables["balance_values"] = group.comparison.values
    tables |= group.comparison.calibration
    tables |= own_groups(groups, first)
    for (estimator, outcome), made in fitted.items():
        tables |= {f"{estimator}.{outcome}.{name}": table for name, table in made.estimate.tables.items()}
    for (estimator, outcome), answer in answers.items():
        for one in answer.inferred:
            for name, table in one.tables.items():
                if "{}" in name:
                    tables[name.replace("{}", f"{estimator}.{outcome}")] = table
                else:  # of several tests of an estimate the first is drawn; all are in tests.csv
                    called = f"{estimator}.{name}" if outcome == first[1] else f"{estimator}.{outcome}.{name}"
                    tables.setdefault(called, table)
    for one_check in checked:
        if len(one_check.result.table):
            tables[_table_name(one_check, first)] = one_check.result.table
    return {name: group.source.periods.in_table(table) for name, table in tables.items()}
