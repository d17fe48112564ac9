"""What differs from the design's own sections: for one estimator, or in an alternative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sos_eval.comparison.build import people_of
from sos_eval.comparison.covariates import BUILT_IN
from sos_eval.comparison.group import GroupMethod
from sos_eval.design.sections import Reader, read_comparison
from sos_eval.errors import Faults, nearest
from sos_eval.panel.of_outcomes import of_outcomes
from sos_eval.panel.own_names import as_written
from sos_eval.panel.spec import PanelSpec

__all__ = ["refuse_idle_missing", "refuse_own_outcomes", "refuse_unknown_covariates", "varied"]


def varied(reader: Reader, changes: Mapping[str, Any], path: tuple[str | int, ...], spec: Any, comparison: Any) -> Any:
    """Apply a `with:` to the panel and comparison sections and read them again."""
    if not changes:
        return spec, comparison
    data = {key: _copy(reader.document.data.get(key)) for key in ("panel", "comparison")}
    for key, value in changes.items():
        parts = key.split(".")
        if parts[0] not in data:
            reader.add((*path, key), f"with.{key}: only keys of panel and comparison can differ", "write panel.…")
            return spec, comparison
        _set(data, parts, value)
    apart = Reader(reader.document, Faults())
    spec = apart.build(PanelSpec, data["panel"], ("panel",))
    group = read_comparison(apart, data["comparison"], ("comparison",))
    known = {fault.what for fault in reader.faults.found}
    for fault in apart.faults.found:
        if fault.what not in known:
            reader.add(path, f"with: {fault.what}", fault.instead)
    return spec, group


def _copy(value: Any) -> Any:
    """Copy nested plain values."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _set(data: dict[str, Any], parts: list[str], value: Any) -> None:
    """Set a dotted key, making the mappings on the way."""
    for part in parts[:-1]:
        if not isinstance(data.get(part), dict):
            data[part] = {}
        data = data[part]
    data[parts[-1]] = value


def refuse_unknown_covariates(reader: Reader, method: Any, spec: PanelSpec, path: tuple[str | int, ...]) -> None:
    """Check an estimator's own covariates: the panel section reads and dates them."""
    for name in (method.covariates if method is not None else None) or ():
        if name not in spec.covariates:
            near = nearest(name, spec.covariates) or f"write panel.covariates: [{as_written(name)}]"
            what = (
                f"{'.'.join(str(part) for part in path)}.covariates: {as_written(name)!r} is not among panel.covariates"
            )
            reader.add((*path, "covariates"), what, near)


def refuse_idle_missing(reader: Reader, spec: PanelSpec, comparison: Any, path: tuple[str | int, ...]) -> None:
    """Refuse to say what becomes of gaps that there are none of: the panel's imputation fills its covariates."""
    people = people_of(comparison) if isinstance(comparison, GroupMethod) else None
    told = {"comparison": comparison, "comparison.people": people}
    for key, one in told.items():
        how = getattr(one, "missing", "fault")
        columns = [name for name in getattr(one, "on", ()) if name not in BUILT_IN]
        if spec.imputation is not None and how != "fault" and columns and set(columns) <= set(spec.covariates):
            what = f"{key}.missing: {how} finds no gap: panel.imputation fills those of every covariate"
            reader.add(path, what, f"leave {key}.missing out, or panel.imputation")


def refuse_own_outcomes(
    reader: Reader, method: Any, spec: PanelSpec, comparison: Any, outcomes: Sequence[str], path: tuple[str | int, ...]
) -> None:
    """Refuse to adjust an outcome for itself, or to match on it: values after the start would enter, or go unseen.

    So with columns that are made of it, or that it is made of. Models of gaps read every covariate of the panel.
    """
    all_read = method.covariates is None or spec.imputation is not None
    people = people_of(comparison) if isinstance(comparison, GroupMethod) else None
    used = {"panel.covariates": spec.covariates if all_read else method.covariates}
    used["comparison.people.on"] = people.on if people is not None else ()
    used["comparison"] = [name for name in comparison.columns if name not in used["comparison.people.on"]]
    for key, columns in used.items():
        for name, why in sorted(of_outcomes(spec, [as_written(one) for one in columns], outcomes).items()):
            instead = "match on outcome_pre, the outcome before the start" if key == "comparison" else "leave it out"
            reader.add(path, f"{key}: {name} {why}", instead)
