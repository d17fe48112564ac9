"""The seven steps of an evaluation, one function each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.checks.balance import balance_results
from sos_eval.checks.compared import ComparedCheck
from sos_eval.comparison.alone import alone_in_stratum, compared_within
from sos_eval.comparison.build import build, rebuilding
from sos_eval.design.at_its_key import at_its_key
from sos_eval.design.design import Design, Entry
from sos_eval.errors import DataFault, Faults, NotIdentified, listed
from sos_eval.inference.auto import Resolution, resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.inference.duration import estimates_anew, seconds_each
from sos_eval.inference.randomization import Randomization
from sos_eval.jobs.account import Account
from sos_eval.jobs.alternatives import compared, refuse_alternatives
from sos_eval.jobs.answers import Answer, Checked, Group, Key, primary
from sos_eval.jobs.apart_names import told_apart
from sos_eval.jobs.families import with_families
from sos_eval.numerics.random import stream
from sos_eval.panel.flow import without_told_counts
from sos_eval.panel.imputation import completed
from sos_eval.panel.load import load_panel
from sos_eval.panel.panel import Panel
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.subtotals import SUBTOTALS
from sos_eval.results.assignments import stratified, unusable_strata
from sos_eval.results.crew import ALONE, Crew
from sos_eval.results.estimator import without_gaps
from sos_eval.results.facts import RunFacts
from sos_eval.results.fitted import Fitted, standing
from sos_eval.results.inference import strata_of_effects
from sos_eval.theory.first_link import mediators
from sos_eval.worlds.source import world_frame

__all__ = [
    "check",
    "columns_beside",
    "compare",
    "cost",
    "estimate",
    "identify",
    "infer",
    "load_panels",
    "refuse_economics",
    "rounded",
]


#: Seconds from which a run says beforehand how long an inference will take.
SAID_FROM = 10.0


def load_panels(design: Design, *, imputation: int = 0) -> dict[str, Panel]:
    """Load each entry's panel, by entry id; entries on the same panel block share one object.

    Gaps that a panel declares to be imputed are filled, as in the completed data set of that number, from 0.
    """
    given = design.overrides.get("panel.path", (None, None))[1]
    override = Path(given) if given else None
    described = [name for check in design.checks for name in check.columns if name not in design.panel.covariates]
    loaded: list[tuple[PanelSpec, Panel]] = []
    panels: dict[str, Panel] = {}
    for entry in design.estimators:
        known = next((panel for spec, panel in loaded if spec == entry.panel), None)
        if known is None:
            beside, later = columns_beside(design, entry.panel), _what_came_after(design, entry.panel)
            with at_its_key(design.document, design.panel.covariates, _by_default(design)):
                known = load_panel(
                    entry.panel, design.document, base=design.base, override=override,
                    also=[name for name in beside if name not in later],
                    world=lambda path: world_frame(path, design.seed), described=[*described, *later],
                    require_untreated=entry.method.needs.get("untreated_units", 1) > 0,
                    middle_below=design.disclosure.middle_below, counted=design.counted_columns,
                )  # fmt: skip
            if (how := entry.panel.imputation) is not None:
                lots = stream(design.seed, "imputation", imputation)
                known = completed(known, known.covariates, how, lots)
            _refuse_sums_told(design, known)
            known = without_told_counts(known) if design.disclosure.guards else known
            loaded.append((entry.panel, known))
        panels[entry.id] = known
    return panels


def _refuse_sums_told(design: Design, panel: Panel) -> None:
    """Refuse units that are the sum of others under a profile: told of, they are equations on the counts of these."""
    sums = [row for row in panel.flow if row.step == SUBTOTALS]
    if design.disclosure.guards and sums:
        what = f"{sums[0].names}: {sums[0].reason}"
        raise DataFault(panel.fault(what, "under a disclosure profile leave one, or all its parts, out with exclude"))


def _by_default(design: Design) -> dict[str, tuple[str | int, ...]]:
    """Return the columns that estimators read unless another is named, each with the key that names it."""
    return {
        getattr(entry.method, option.name): ("estimators", i, option.name)
        for i, entry in enumerate(design.estimators)
        for option in fields(entry.method)  # type: ignore[arg-type]
        if option.default in entry.method.columns
    }


def columns_beside(design: Design, panel: PanelSpec | None = None) -> list[str]:
    """List the columns that comparison groups, estimators, inference and the theory read beside the covariates.

    With `panel`, what entries on other panel blocks read is left out: they may have other columns.
    """
    names = _compared_by(design, panel)
    names += design.theory.columns.values() if design.theory else ()
    names += design.implementation.reads if design.implementation else ()
    return [name for name in dict.fromkeys(names) if name not in design.panel.covariates]


def _compared_by(design: Design, panel: PanelSpec | None) -> list[str]:
    """List the columns by which units are compared or grouped: those have to be there before the start."""
    names: list[str] = []
    for entry in design.estimators:
        if panel is not None and entry.panel != panel:
            continue
        names += [*entry.comparison.columns, *entry.method.columns]
        names += [name for method in (*entry.inference, *design.inference) for name in method.columns]
    names += [name for one in design.moderators for name in one.columns]
    return names + [name for _, one in design.discoveries for name in one.columns]


def _what_came_after(design: Design, panel: PanelSpec) -> list[str]:
    """List the columns of fidelity and of what practice moves: nobody adjusts for them, and they may be of any period.

    Those that `measured` dates are left to it.
    """
    names = list(design.implementation.reads) if design.implementation else []
    if (theory := design.theory) is not None:
        names += [theory.columns[node] for node in mediators(theory)]
    before = {*panel.covariates, *panel.measured, *_compared_by(design, panel)}
    return [name for name in dict.fromkeys(names) if name not in before]


def _outcomes(entry: Entry, panel: Panel) -> list[str]:
    """Return the outcomes that an entry is estimated on."""
    return list(entry.outcomes) or [one.name for one in panel.outcomes]


def identify(design: Design, panels: dict[str, Panel]) -> None:
    """Refuse, before anything is estimated, what this design and these data cannot answer.

    Raises
    ------
    NotIdentified
        Every reason, each with the line of its estimator.
    """
    faults = Faults(NotIdentified)
    for i, entry in enumerate(design.estimators):
        where = design.document.where(("estimators", i))
        for what, instead in _unmet(entry, panels[entry.id]):
            faults.add(where, f"estimators.{entry.id}: {what}", instead)
    for fault in refuse_alternatives(design):
        faults.add(fault.where, fault.what, fault.instead)
    faults.stop()


def _unmet(entry: Entry, panel: Panel) -> list[tuple[str, str]]:
    """List what an estimator needs and the panel does not have."""
    method, unmet = entry.method, []
    needs = method.needs
    counts = {
        "pre_periods": (len(panel.pre_times), "periods before the first start", "widen panel.window"),
        "treated_units": (int(panel.ever_treated.sum()), "treated units", "choose another method"),
        "untreated_units": (int((~panel.ever_treated).sum()), "never treated units",
                            "end panel.window before the last units start, or add units that never do"
                            if len(panel.cohorts) > 1 else "add units that never start"),
    }  # fmt: skip
    for name, least in needs.items():
        if name in counts and counts[name][0] < least:
            have, words, instead = counts[name]
            unmet.append((f"{method.name} needs at least {least} {words}, there are {have}", instead))
    if "exposure" in needs and not panel.outcome.counted:
        unmet.append((f"{method.name} needs counts with exposure", "declare panel.outcome: {count: …, exposure: …}"))
    if not panel.absorbing and not method.takes_switching:
        what = f"{method.name} needs treatment that stays on once begun, and it stops for {_stopping(panel)}"
        unmet.append((what, "exclude units that stop, or choose dechaisemartin_dhaultfoeuille, which takes them"))
    transition = method.why_no_transition(panel)
    if transition is not None:
        unmet.append((f"{method.name}: {transition[0]}", transition[1]))
    if panel.layout == "cross_sections" and not method.takes_cross_sections:
        unmet.append((f"{method.name} needs layout: panel", "choose another method"))
    gaps = panel.layout == "panel" and not panel.is_balanced and not panel.transition_dropped
    if gaps and not method.takes_unbalanced:
        unmet.append((f"{method.name} needs every unit in every period", without_gaps(panel)))
    return unmet


def _stopping(panel: Panel) -> str:
    """Name the units whose treatment stops."""
    frame = panel.frame.sort_values(["unit", "time"])
    falls = frame.groupby("unit", sort=False)["treated"].diff() < 0
    return listed([panel.unit_names[unit] for unit in frame.loc[falls, "unit"].unique()])


def compare(design: Design, panels: dict[str, Panel], only: Collection[str] | None = None) -> dict[Key, Group]:
    """Build the comparison group of every entry (or of some, by id) and outcome, before any later outcome is read."""
    groups: dict[Key, Group] = {}
    built: list[tuple[Panel, str, Any, tuple[str, ...], Group]] = []
    for entry in design.estimators:
        for outcome in _outcomes(entry, panels[entry.id]) if only is None or entry.id in only else ():
            with at_its_key(design.document, design.panel.covariates):
                strata = strata_of_effects(entry.inference or design.inference)
                lots_of = _lots_of(design, panels, entry)
                groups[entry.id, outcome] = _group(entry, panels[entry.id], outcome, strata, lots_of, built)
    return groups


def _lots_of(design: Design, panels: dict[str, Panel], entry: Entry) -> str:
    """Return the outcome by which the strata of an entry's lots are cut: the headline's, else the entry's first."""
    first = design.primary
    own = _outcomes(first, panels[first.id])
    marked = [one.name for one in panels[first.id].outcomes if one.name in own and one.role == "primary"]
    headline, there = (marked or own)[0], [one.name for one in panels[entry.id].outcomes]
    return headline if headline in there else there[0]


def _group(
    entry: Entry, panel: Panel, outcome: str, strata: tuple[str, ...], lots_of: str,
    built: list[tuple[Panel, str, Any, tuple[str, ...], Group]],
) -> Group:  # fmt: skip
    """Build one group, or take the one that was built for the same panel, outcome and method."""
    for known_panel, known_outcome, method, known_strata, group in built:
        if known_panel is panel and (known_outcome, method, known_strata) == (outcome, entry.comparison, strata):
            return replace(group, entry=entry)
    donors = entry.comparison.restricted(panel.select(outcome))
    if why := unusable_strata(donors, strata, lots_of):
        told = f"{entry.id}: {why if why.startswith('strata') else f'strata: {why}'}"
        raise NotIdentified(donors.fault(told, "name a column that each unit has one value of, or fewer strata"))
    restricted = stratified(donors, strata, lots_of)
    made = compared_within(build(entry.comparison.unrestricted(), restricted), restricted)
    group = Group(entry, restricted, made, lots_of, entry.comparison.adopters_without(panel.select(outcome)))
    built.append((panel, outcome, entry.comparison, strata, group))
    return group


def estimate(design: Design, groups: dict[Key, Group], crew: Crew = ALONE) -> dict[Key, Fitted]:
    """Estimate every entry on its comparison group; the crew is for what asks for many estimates of it.

    Lots are drawn on the units that stand in the estimate of the outcome that they are of: outcomes that share lots
    share those units, and a unit that one of them lacks drops from its statistic alone.

    Raises
    ------
    NotIdentified
        What every method says that cannot answer.
    """
    faults = Faults(NotIdentified)
    made = {key: faults.noted(partial(_fit, group)) for key, group in groups.items()}
    faults.stop()
    fitted = {
        key: replace(one, crew=crew, strata=_lots(design, groups[key])) for key, one in made.items() if one is not None
    }
    return {key: _on_shared_lots(one, groups[key], fitted.get((key[0], one.lots_of))) for key, one in fitted.items()}


def _on_shared_lots(fitted: Fitted, group: Group, first: Fitted | None) -> Fitted:
    """Return an estimate with the lots of the outcome whose lots it shares (`first`)."""
    if first is None or first is fitted or fitted.rebuild is not None:
        return fitted
    return replace(fitted, source=group.source.keep(first.source.units))


def _lots(design: Design, group: Group) -> tuple[str, ...]:
    """Return the strata of the first declared test that draws within some: the headline's, where the rule takes one."""
    return next((method.lots for method in group.entry.inference or design.inference if method.lots), ())


def _fit(group: Group) -> Fitted:
    """Estimate one group, and keep the way to do it again."""
    entry, method = group.entry, group.entry.comparison.unrestricted()
    estimate = entry.method.complete(group.comparison.panel)
    again = rebuilding(method)
    source, alone = group.source, alone_in_stratum(group.source)
    source = source.keep([unit for unit in source.units if str(unit) not in alone]) if alone else source
    source = entry.method.adoption(source)
    source = source if again else standing(source, group.comparison.panel, estimate)
    lots_of = group.lots_of
    return Fitted(entry.id, entry.role, entry.method, estimate, source, group.comparison, again, lots_of=lots_of)


def infer(design: Design, fitted: dict[Key, Fitted], account: Account) -> dict[Key, Answer]:
    """Apply to each estimate the inference that the rule on the design puts first, and all the declared."""
    methods = {entry.id: entry.inference or design.inference for entry in design.estimators}
    resolutions: dict[Key, Resolution] = {}
    for key, estimate in fitted.items():
        account.expects(f"{key[0]}, choice of inference", 0)
        resolutions[key] = _as_p(resolve(methods[key[0]], design_facts(estimate)), estimate)
    account.expects("", 0)
    _say_how_long(resolutions, fitted, account)
    answers: dict[Key, Answer] = {}
    for key, estimate in fitted.items():
        inferred = []
        for k, method in enumerate(resolutions[key].methods):
            account.expects(f"{estimate.id}, {method.name}", estimates_anew(method, estimate))
            lots = account.stream("inference", key[0], estimate.lots_of, k, str(method.name))
            inferred.append(method.infer(estimate, lots))
        answers[key] = Answer(resolutions[key], tuple(inferred))
    account.expects("", 0)
    return with_families(fitted, answers)


def _as_p(resolution: Resolution, fitted: Fitted) -> Resolution:
    """Return the primary estimate's inference with its interval on the draws of its p."""
    first, *others = resolution.methods
    if fitted.role != "primary" or not isinstance(first, Randomization):
        return resolution
    return replace(resolution, methods=(first.on_all_draws(fitted), *others))


def _say_how_long(resolutions: dict[Key, Resolution], fitted: dict[Key, Fitted], account: Account) -> None:
    """Say beforehand which inference will take more than ten seconds, and how long all of it, where that does."""
    among, whole = f" on {account.workers} processes" if account.workers > 1 else "", 0.0
    pairs = [(fitted[key], method) for key, resolution in resolutions.items() for method in resolution.methods]
    for estimate, method in pairs:
        estimates = estimates_anew(method, estimate)
        if not (estimates and isinstance(method, Randomization)):
            continue
        seconds = estimates * seconds_each(method, replace(estimate, crew=ALONE)) / account.workers
        whole += seconds
        if seconds > SAID_FROM:
            what = f"{estimate.id}, {method.name}: about {rounded(seconds)}{among}"
            search = estimate.estimator.solves_anew and method.interval == "inversion"
            beside = ", and the search for its interval beside" if search else ""
            account.say(f"{what} for some {estimates:,} estimates under other adoptions{beside}")
    if whole > SAID_FROM and len(pairs) > 1:
        account.say(f"all inference together: about {rounded(whole)}{among}; checks and figures come after it")


def rounded(seconds: float) -> str:
    """Say a duration in words.

    Examples
    --------
    >>> rounded(44.2), rounded(125.0), rounded(7300.0)
    ('45 seconds', '2 minutes', '2.0 hours')
    """
    if seconds < 90:
        return f"{5 * max(1, round(seconds / 5))} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def check(design: Design, fitted: dict[Key, Fitted], groups: dict[Key, Group], account: Account) -> list[Checked]:
    """Run the declared checks on the primary estimates, and judge balance where a threshold is declared."""
    checked: list[Checked] = []
    for key, one in fitted.items():
        if one.role != "primary":
            continue
        for k, method in enumerate(design.checks):
            rng = account.stream("check", *key, k, str(method.name))
            if isinstance(method, ComparedCheck) and method.alternatives:
                results = compared(design, k, groups[key], one, rng) if key == primary(design, groups) else []
            else:
                results = method.check(one, rng)
            known = {done.result.name for done in checked if (done.estimator, done.outcome) == key}
            checked += [Checked(*key, result) for result in told_apart(design.checks, k, results, known)]
        checked += [Checked(*key, result) for result in balance_results(groups[key].entry.comparison, one.comparison)]
    return checked


def refuse_economics(design: Design) -> None:
    """Refuse what is wrong with a design's economics, before the work."""
    if design.economics is None:
        return
    from sos_eval.jobs.costing import refuse_economics

    refuse_economics(design)


def cost(
    design: Design, inferred: dict[Key, Answer], checked: list[Checked], groups: dict[Key, Group], facts: RunFacts,
    practised: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:  # fmt: skip
    """Judge the evidence for an economic evaluation and cost what the verdict allows."""
    if design.economics is None:
        return {}
    from sos_eval.jobs.costing import costed

    return costed(design, inferred, checked, groups, facts, practised)
