"""Reading the sections that hold methods: which class, which keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from sos_eval.checks.compared import ComparedCheck
from sos_eval.checks.suppression_bounds import SuppressionBounds
from sos_eval.comparison.group import GroupMethod
from sos_eval.comparison.none import NoComparison
from sos_eval.declare import Document, build, valid_keys
from sos_eval.errors import Faults, nearest
from sos_eval.inference.naming import id_problems
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.spec import OutcomeSpec
from sos_eval.results.check import Check
from sos_eval.results.inference import InferenceMethod
from sos_eval.results.method import registered

__all__ = [
    "SECTIONS",
    "Reader",
    "read_checks",
    "read_comparison",
    "read_economics",
    "read_inference",
    "read_method",
    "refuse_idle_checks",
    "refuse_other_outcome",
    "refuse_without_ranges",
]

T = TypeVar("T")
W = TypeVar("W", GroupMethod, Check)
Path_ = tuple[str | int, ...]

#: Top-level keys of a design; False where the room is not built yet.
SECTIONS = {
    "schema": True, "name": True, "title": True, "question": True, "panel": True, "comparison": True,
    "estimators": True, "inference": True, "families": True, "checks": True, "theory": True, "moderators": True,
    "implementation": True, "economics": True, "disclosure": True, "report": True, "seed": True,
}  # fmt: skip

#: Keys that are looked for in one kind of method and stand in another.
_ELSEWHERE = {("estimator", "small_sample"): "it belongs to inference: {method: analytic, small_sample: …}"}


@dataclass(frozen=True)
class Reader:
    """A document and the faults found in it so far."""

    document: Document
    faults: Faults

    def add(self, path: Path_, what: str, instead: str = "") -> None:
        """Note a fault at a key."""
        self.faults.add(self.document.where(path), what, instead)

    def build(self, kind: type[T], value: Any, path: Path_) -> T | None:
        """Check a value against a declared type."""
        return build(kind, value, self.document, path, self.faults)


def read_method(reader: Reader, kind: str, given: Any, path: Path_, *, also: Sequence[str] = ()) -> Any:
    """Read a mapping with a `method:` key as the object of that method.

    Parameters
    ----------
    reader, path
        Where it stands.
    kind
        Kind of method.
    given
        The mapping.
    also
        Further keys that are valid beside it, for the nearest key in faults.
    """
    dotted = ".".join(str(part) for part in path)
    if "method" not in given:
        _no_method(reader, kind, given, path)
        return None
    name = given["method"]
    cls = _class(reader, kind, name, (*path, "method"))
    if cls is None:
        return None
    options = {key: value for key, value in given.items() if key != "method"}
    valid = valid_keys(cls)
    for key in [key for key in options if key not in valid]:
        instead = _ELSEWHERE.get((kind, key)) or nearest(key, [*valid, *also])
        reader.add((*path, key), f"{dotted}.{key}: no such key", instead)
        del options[key]
    return reader.build(cls, options, path)


def _no_method(reader: Reader, kind: str, given: Any, path: Path_) -> None:
    """Say that the method is missing, or which key was probably meant to name it."""
    dotted = ".".join(str(part) for part in path)
    for key in given:
        if get_close_matches(str(key), ["method"], cutoff=0.7):
            reader.add((*path, key), f"{dotted}.{key}: no such key", 'did you mean "method"?')
            return
    reader.add(path, f"{dotted}.method: is missing", f"write one of: {', '.join(registered(kind))}")


def _class(reader: Reader, kind: str, name: Any, path: Path_) -> Any:
    """Return a method's class, or note why there is none."""
    known = registered(kind)
    if isinstance(name, str) and name in known:
        return known[name]
    dotted = ".".join(str(part) for part in path)
    if kind == "estimator" and name in registered("discovery"):
        what = f"{dotted}: {name} estimates no overall effect here; it looks for where the effect differs"
        reader.add(path, what, f"write moderators: [{{discover: {name}, among: [COLUMN]}}] beside another estimator")
    else:
        reader.add(path, f"{dotted}: no {kind} is called {name!r}", nearest(str(name), known))
    return None


def read_comparison(reader: Reader, given: Any, path: Path_) -> GroupMethod:
    """Read `comparison`; without one, all untreated units are the comparison group."""
    given = {"method": given} if isinstance(given, str) else given
    if given is None:
        given = {"method": "none"}
    if not isinstance(given, dict):
        reader.add(path, f"comparison: {given!r} is not a mapping", "write {method: …}")
        given = {"method": "none"}
    made: GroupMethod | None = read_method(reader, "comparison", {"method": "none", **given}, path)
    if made is None:
        return NoComparison()
    return reader.faults.noted(lambda: _with_files(made, reader.document, path)) or made


def _with_files(made: W, document: Document, path: Path_) -> W:
    """Return a comparison method, or a check, with what its files hold."""
    faults = Faults()
    found = made.with_files(document.path.parent, document.where((*path, "file")), faults)
    faults.stop()
    return found


def read_inference(reader: Reader, given: Any, path: Path_) -> tuple[InferenceMethod, ...]:
    """Read `inference`: a name, a mapping, or a list of them."""
    listed = given if isinstance(given, list) else [given]
    if not listed:
        reader.add(path, "inference: the list is empty", "write [{method: auto}]")
    made = []
    for i, one in enumerate(listed):
        where = (*path, i) if isinstance(given, list) else path
        one = {"method": one} if isinstance(one, str) else one
        if not isinstance(one, dict):
            reader.add(where, f"{'.'.join(map(str, where))}: {one!r} is not a mapping", "write {method: …}")
            continue
        made.append(read_method(reader, "inference", one, where))
    methods = tuple(one for one in made if one is not None)
    for place, what, instead in id_problems(methods):
        reader.add((*path, place) if isinstance(given, list) else path, f"{'.'.join(map(str, path))}: {what}", instead)
    return methods


def read_checks(reader: Reader, given: Any, path: Path_) -> tuple[Check, ...]:
    """Read `checks`: names, or names with their options."""
    if not isinstance(given, list):
        reader.add(path, "checks: must be a list", "write [pretrends, leave_one_out]")
        return ()
    made: list[Check] = []
    for i, one in enumerate(given):
        check = _check(reader, one, (*path, i))
        if check is not None:
            made.append(check)
    return tuple(made)


def refuse_idle_checks(
    reader: Reader, checks: Sequence[Check], answered: str, outcomes: Collection[str], *, rebuilt: bool
) -> None:
    """Refuse a negative control that is no other outcome, and draws of groups that nobody builds again.

    Parameters
    ----------
    answered
        The headline's outcome.
    outcomes
        Names of all outcomes.
    rebuilt
        Whether any estimate builds its comparison group again under other adoptions.
    """
    for i, check in enumerate(checks):
        at, name = ("checks", i, str(check.name)), str(check.name)
        control = getattr(check, "negative_control", "")
        if control == answered:
            what = f"{name}: negative_control: {answered} is the headline's own outcome"
            reader.add((*at, "negative_control"), what, "name an outcome that the intervention cannot have moved")
        elif control and control not in outcomes:
            what = f"{name}: negative_control: {control} is no outcome of the panel"
            reader.add((*at, "negative_control"), what, nearest(control, outcomes) or "declare it under panel.outcomes")
        usual = getattr(type(check), "rebuilt_draws", None)
        if not rebuilt and getattr(check, "rebuilt_draws", usual) != usual and not isinstance(check, ComparedCheck):
            what = f"{name}: rebuilt_draws: no comparison group is built again under other adoptions"
            reader.add((*at, "rebuilt_draws"), what, "leave it out, and write draws")


def refuse_without_ranges(reader: Reader, checks: Sequence[Check], disclosure: Disclosure | None) -> None:
    """Refuse bounds that name no columns where no small count is replaced either."""
    for i, check in enumerate(checks):
        if isinstance(check, SuppressionBounds) and not check.low and disclosure and not disclosure.middle_below:
            what = "suppression_bounds: name the columns that hold the range: low: entries_low, high: entries_high"
            instead = "or declare disclosure: {profile: dfe, small_counts: middle}, whose replaced counts have one"
            reader.add(("checks", i), what, instead)


def _check(reader: Reader, given: Any, path: Path_) -> Check | None:
    """Read one check: ``name`` or ``{name: {options}}``."""
    if isinstance(given, str):
        given = {given: {}}
    if not isinstance(given, dict) or len(given) != 1:
        what = f"{'.'.join(map(str, path))}: must be a name or {{name: options}}"
        reader.add(path, what, f"write - {_as_check(given) or 'pretrends'}")
        return None
    name, options = next(iter(given.items()))
    cls = _class(reader, "check", name, (*path, name) if (*path, name) in reader.document.lines else path)
    if cls is None:
        return None
    made: Check | None = reader.build(cls, options or {}, (*path, name))
    if made is None:
        return None
    return reader.faults.noted(lambda: _with_files(made, reader.document, (*path, name))) or made


def _as_check(given: Any) -> str:
    """Return how a mapping with a check's name beside its options is written; empty where none is named."""
    if not isinstance(given, dict):
        return ""
    known = registered("check")
    for key, value in given.items():
        named = next((one for one in (key, value) if isinstance(one, str) and one in known), "")
        if named:
            return f"{named}: {{{', '.join(f'{other}: …' for other in given if other != key)}}}"
    return ""


def read_economics(reader: Reader, given: Any, path: Path_) -> Any:
    """Read `economics`, if there is any."""
    if given is None:
        return None
    from sos_eval.economics.section import EconomicsSection

    return reader.build(EconomicsSection, given, path)


def refuse_other_outcome(reader: Reader, economics: Any, name: str, outcome: OutcomeSpec | None) -> None:
    """Refuse an economic evaluation whose effect would come from an outcome of no entries into care."""
    if economics is None or economics.effect is None or economics.effect.estimate is not None or outcome is None:
        return
    from sos_eval.economics.effect_outcome import outcome_problem
    from sos_eval.economics.problem import modelled

    counted = outcome.counted and outcome.transform == "none"
    found = outcome_problem(
        economics.effect, name, outcome.words, counted=counted, stock=outcome.of_one_day, where="the design"
    )
    if found is not None and modelled(economics):
        key, what, instead = found
        full = ("economics", *key)
        reader.faults.add(reader.document.where(full), f"{'.'.join(map(str, full))}: {what}", instead)
