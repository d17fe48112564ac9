"""From a typed declaration to something that can be computed: files read, contradictions refused, the model built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sos_eval.declare import Document, Path_
from sos_eval.economics.consistency import problems, too_long, unknown_parameters
from sos_eval.economics.declared_analysis import FEWEST_DRAWS
from sos_eval.economics.group_checks import stays_of_groups
from sos_eval.economics.idle import idle_parameters
from sos_eval.economics.model.confidence import ConfidenceDistribution
from sos_eval.economics.model.deflator import Deflator, deflator_names, named_deflator, read_deflator
from sos_eval.economics.model.discount import Schedule, flat, named_schedule
from sos_eval.economics.model.draws import central_interval, correlation_problem
from sos_eval.economics.model.evaluated import WEEKS, DecisionModel, decision_model
from sos_eval.economics.model.psa import Samples, read_samples
from sos_eval.economics.model.stay import CHILDHOOD, Observed, Stay, read_stays
from sos_eval.economics.problem import Problem, modelled
from sos_eval.economics.section import EconomicsSection
from sos_eval.economics.support import outside_support
from sos_eval.economics.voi.evsi import study_problems
from sos_eval.economics.voi.power_study import size_problems
from sos_eval.errors import DataFault, DesignFault, Fault, Faults, nearest, numeral

__all__ = ["Prepared", "effect_there", "prepare", "studies_fit"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A declaration that can be computed.

    Attributes
    ----------
    section
        The declaration.
    model, samples
        One of the two: the declared model, or draws from files.
    reference
        Column of the comparator.
    deflator, cost_schedule, effect_schedule
        Dated series.
    document, path
        Where it stands in its file, for scenarios and faults.
    test
        The confidence distribution of an effect that a run's inverted test gave; empty for any other.
    """

    section: EconomicsSection
    model: DecisionModel | None
    samples: Samples | None
    reference: int
    deflator: Deflator
    cost_schedule: Schedule
    effect_schedule: Schedule
    document: Document
    path: Path_
    test: ConfidenceDistribution | None = None


def prepare(
    section: EconomicsSection, document: Document, path: Path_ = (), test: ConfidenceDistribution | None = None,
    *, varied: bool = False,
) -> Prepared:  # fmt: skip
    """Check a declaration and read what it names.

    Parameters
    ----------
    section
        The typed declaration.
    document, path
        Its file, and where in it the block stands; files are relative to it.
    test
        The confidence distribution of the effect, where a run's inverted test gave it.
    varied
        Whether the declaration is a scenario of another, in which a key of the base case may rest.

    Raises
    ------
    DesignFault, DataFault
        Everything that is wrong, at once.
    """
    faults = Faults(DesignFault)
    deflator = _deflator(section, document, path, faults)
    for key, what, instead in problems(section, deflator, varied=varied):
        _add(faults, document, path, key, what, instead)
    faults.stop()
    observed = _observed(section, document)
    schedules = [_schedule(rate) for rate in (section.rates.costs, section.rates.effects)]
    model = samples = None
    if modelled(section):
        model = decision_model(section, deflator, schedules[0], schedules[1], observed, test)
        names, strategies = [p.name for p in model.parameters], model.strategies
    else:
        samples = _read(section, document)
        names, strategies = list(samples.param_names), samples.strategies
    for key, what, instead in unknown_parameters(section, names):
        _add(faults, document, path, key, what, instead)
    wanted = section.reference or (section.frame.comparator if section.frame is not None else strategies[0])
    if wanted not in strategies:
        _add(faults, document, path, ("reference",), f"no strategy is called {wanted!r}", nearest(wanted, strategies))
    elif model is not None and wanted != strategies[0]:
        what = f"{wanted!r}: the comparator of a declared model is the frame's, {strategies[0]!r}"
        _add(faults, document, path, ("reference",), what, "leave it out; it is for draws from files")
    faults.stop()
    if model is not None:
        for key, what, instead in idle_parameters(section, [p.name for p in model.parameters if not p.varies]):
            _add(faults, document, path, key, what, instead)
        for key, what, instead in (*_room(model), *outside_support(model)):
            _add(faults, document, path, key, what, instead)
        faults.stop()
    wrong = correlation_problem(names, section.psa.correlation) if model is not None else ""
    if wrong:
        _add(faults, document, path, ("psa", "correlation"), wrong, "weaken them until they fit together")
    faults.stop()
    reference = strategies.index(wanted)
    return Prepared(section, model, samples, reference, deflator, schedules[0], schedules[1], document, path, test)


def _room(model: DecisionModel) -> Iterator[Problem]:
    """Check that stays fit between the ages at entry and 18, in any draw, and that groups' make up their mean."""
    if model.stay is not None:
        yield from _stretched(model.stay, model.base["weeks"])
        yield from stays_of_groups(model.section, model.base["weeks"])
        stay = next(p for p in model.parameters if p.name == "weeks")
        yield from too_long(central_interval(stay, 1 - 1e-12)[1], model.stay.limit * WEEKS)


def _stretched(stay: Stay, mean: float) -> Iterator[Problem]:
    """Refuse a mean that makes observed stays, which it moves all alike, longer than a childhood."""
    longest = float(stay.points.max()) * mean if stay.kind == "empirical" else 0.0
    if longest > CHILDHOOD:
        what = (
            f"{numeral(mean, 4)}: the file's own mean is {numeral(stay.observed, 4)}, so that its longest stay "
            "would be "
            f"{longest:,.0f} weeks: 18 years are {CHILDHOOD:,.0f}"
        )
        yield ("care_pathway", "weeks"), what, "leave it out: the mean is then the file's"


def studies_fit(prepared: Prepared, psa: Samples) -> None:
    """Refuse proposed studies that the draws do not fit: a proportion outside 0 to 1, a negative rate.

    Raises
    ------
    DesignFault
        Every study that cannot be simulated.
    """
    faults = Faults(DesignFault)
    study, effect = prepared.section.voi.next_study, prepared.section.effect
    if study is not None and effect is not None:
        for what in size_problems(study, effect, prepared.document.path.parent):
            _add(faults, prepared.document, prepared.path, ("voi", "next_study"), what, "")
    for i, proposed in enumerate(prepared.section.voi.studies):
        for what in study_problems(proposed, psa):
            _add(faults, prepared.document, prepared.path, ("voi", "studies", i), what, "")
    faults.stop()


def effect_there(prepared: Prepared) -> None:
    """Refuse a full analysis of a model that has no effect.

    Raises
    ------
    DesignFault
        No estimate is declared, and none came from a run.
    """
    effect = prepared.section.effect
    if prepared.model is None or effect is None or effect.estimate is not None:
        return
    faults = Faults(DesignFault)
    what = "no estimate is declared and none came from a bundle: a full analysis has nothing to start from"
    instead = "name the bundle, or leave the override out"
    if effect.bundle is not None:
        what = f"the primary estimate of the bundle {effect.bundle} is empty or has no error: nothing to start from"
        instead = "its estimates.csv says why; take another run, or declare estimate and std_error"
    _add(faults, prepared.document, prepared.path, ("effect",), what, instead)
    faults.stop()


def _add(faults: Faults, document: Document, path: Path_, key: Path_, what: str, instead: str) -> None:
    full = (*path, *key)
    faults.add(document.where(full), f"{'.'.join(str(part) for part in full)}: {what}", instead)


def _deflator(section: EconomicsSection, document: Document, path: Path_, faults: Faults) -> Deflator:
    declared = section.deflator
    if not isinstance(declared, str):
        return read_deflator(document.path.parent / declared.path, declared.vintage, declared.source)
    if declared not in deflator_names():
        instead = nearest(declared, deflator_names())
        _add(faults, document, path, ("deflator",), f"no series is called {declared!r}", instead)
        return named_deflator(deflator_names()[0])
    return named_deflator(declared)


def _observed(section: EconomicsSection, document: Document) -> Observed | None:
    """Read the file of stays, where one is named."""
    pathway = section.care_pathway
    if pathway is None or pathway.stays is None or pathway.stays.path is None:
        return None
    faults = Faults(DataFault)
    observed = read_stays(document.path.parent / pathway.stays.path, faults)
    faults.stop()
    return observed


def _schedule(rate: str | float) -> Schedule:
    return named_schedule(rate) if isinstance(rate, str) else flat(rate)


def _read(section: EconomicsSection, document: Document) -> Samples:
    folder, psa = document.path.parent, section.psa
    assert psa.effects is not None
    assert psa.costs is not None
    found = read_samples(folder / psa.effects, folder / psa.costs, folder / psa.params if psa.params else None)
    if found.n_draws < FEWEST_DRAWS:
        what = f"{found.n_draws} draws: a 95% interval needs {FEWEST_DRAWS} or more, of which one lies in each tail"
        raise DataFault(Fault(str(folder / psa.effects), what, "draw more"))
    return found
