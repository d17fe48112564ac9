"""What each study found: read from a table, or from bundles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from sos_eval.bundle.bundle import ResultBundle, is_bundle, read_bundle
from sos_eval.errors import DataFault, Faults, nearest
from sos_eval.panel.read.columns import numbers
from sos_eval.panel.read.files import read_file, source_of
from sos_eval.panel.read.reading import Reading

__all__ = ["Studies", "read_studies"]

Array = NDArray[np.float64]

#: Columns of what studies say by the letters of EMMIE.
EMMIE = ("study", "letter", "question", "evidence", "strength", "quality")
COLUMNS = ("study", "estimate", "scale")
SCALES = {"ratio": "ratio", "log": "ratio", "difference": "difference", "rate_per": "difference", "value": "difference",
          "count": "difference"}  # fmt: skip
SHOW = "write study, estimate, std_error (or conf_low and conf_high) and scale (ratio, log or difference)"


@dataclass(frozen=True, slots=True)
class Studies:
    """Effects of k studies on one working scale: logs of ratios, or differences.

    Attributes
    ----------
    names, effects, variances : (k,)
        Of the studies.
    ratio
        Whether effects are logs of ratios.
    outcome
        What was measured.
    cluster : (k,)
        Studies that share authorities have one; as many as studies where none do.
    further
        Other columns of the table by name: groups and moderators.
    notes
        How errors were had, and who shares authorities.
    own
        Columns ``conf_low, conf_high, conf_level``: the interval that each study gives, on the working scale; NaN where
        it gives none. Empty where none does.
    unit
        Of differences, in words, e.g. ``per 10,000``; empty where it is not known.
    emmie, statements
        Columns ``study, letter, question, evidence, strength, quality``, and ``study, statement`` (in this context, by
        this mechanism, that outcome): what bundles say beside their numbers. Empty where studies are a table's.
    """

    names: tuple[str, ...]
    effects: Array
    variances: Array
    ratio: bool
    outcome: str
    cluster: NDArray[np.str_]
    further: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()
    own: pd.DataFrame = field(default_factory=pd.DataFrame)
    unit: str = ""
    emmie: pd.DataFrame = field(default_factory=pd.DataFrame)
    statements: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def independent(self) -> bool:
        """Whether no two share authorities."""
        return len(set(self.cluster)) == len(self.names)

    def shown(self, value: Array | float) -> Array:
        """Return working values as they are read: ratios, or differences."""
        return np.exp(value) if self.ratio else np.asarray(value)


def read_studies(sources: Sequence[Path], outcome: str | None, *, independent: bool = False) -> Studies:
    """Read one table of studies, or two bundles and more.

    Parameters
    ----------
    outcome
        Which outcome, where there are several.
    independent
        Declares that bundles whose authorities are withheld share none.

    Raises
    ------
    DataFault
        Every fault: what is missing, impossible, of another scale, or not one outcome.
    """
    faults = Faults(DataFault)
    for twice in {str(one) for one in sources if [other.resolve() for other in sources].count(one.resolve()) > 1}:
        faults.add(twice, "is named twice: it is one study", "name each study once")
    folders = [source for source in sources if is_bundle(source)]
    if folders and len(folders) < len(sources):
        other = next(source for source in sources if source not in folders)
        faults.add(str(other), "is no bundle, and the others are", "name bundles alone, or one table of studies")
    elif not folders and len(sources) > 1:
        faults.add(str(sources[1]), "one table is read, not several", "put the studies into one table")
    elif not folders and independent:
        faults.add("", "--independent is for bundles", "give a table's studies that share authorities one `cluster`")
    faults.stop()
    studies = _bundles(folders, outcome, independent, faults) if folders else _table(sources[0], outcome, faults)
    if len(studies.names) < 2:
        faults.add(str(sources[0]), "one study is no synthesis", "add studies")
    faults.stop()
    return studies


def _table(path: Path, outcome: str | None, faults: Faults) -> Studies:
    """Read a table with a row per study."""
    reading = read_file(path, source_of(path) or "csv", faults, keys=COLUMNS)
    for name in COLUMNS:
        if name not in reading.frame:
            faults.add(
                reading.name, f"no column {name!r}", nearest(name, [str(held) for held in reading.frame]) or SHOW
            )
    if "std_error" not in reading.frame and not {"conf_low", "conf_high"} <= set(reading.frame):
        faults.add(reading.name, "no column 'std_error', nor 'conf_low' and 'conf_high'", SHOW)
    twice = sorted({name for name in map(str, reading.frame) if list(map(str, reading.frame)).count(name) > 1})
    for name in twice:
        faults.add(reading.name, f"column {name!r} stands twice", "keep one")
    faults.stop()
    reading = _one_outcome(reading, outcome)
    ratio = _one_scale(reading, reading.frame["scale"].astype(str).tolist())
    names = tuple("" if pd.isna(name) else str(name).strip() for name in reading.frame["study"])
    if (unnamed := np.array([not name for name in names])).any():
        reading.add(f"study: is empty, {reading.lines(unnamed)}", "name every study")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        reading.add(f"study: {twice[0]!r} stands on more than one line", "name each study once, or choose an outcome")
    effects, errors, own, notes = _numbers(reading, ratio=ratio)
    cluster = np.array([f"study {k}" for k in range(len(names))], object)  # unless a study names another
    if "cluster" in reading.frame:
        given = reading.frame["cluster"].astype(object).where(reading.frame["cluster"].notna(), "").astype(str)
        cluster = np.where(given.str.strip() != "", given, cluster)
    faults.stop()
    measured, unit = str(reading.frame["outcome"].iloc[0]) if "outcome" in reading.frame else "", _unit(reading)
    faults.stop()
    notes = (*notes, *(row.reason for row in (*reading.flow, *reading.notes)))
    return Studies(names, effects, errors**2, ratio, measured, cluster.astype(str), reading.frame, notes, own, unit)


def _one_outcome(reading: Reading, outcome: str | None) -> Reading:
    """Keep the rows of one outcome, and refuse a table of several."""
    if "outcome" not in reading.frame:
        if outcome is not None:
            reading.add("no column 'outcome'", "leave out --outcome")
            reading.faults.stop()
        return reading
    held = [str(one) for one in dict.fromkeys(reading.frame["outcome"])]
    if outcome is None and len(held) > 1:
        reading.add(f"outcome: {', '.join(held)} are not one outcome", f'choose one: --outcome "{held[0]}"')
    elif outcome is not None and outcome not in held:
        reading.add(f"outcome: no study of {outcome!r}", nearest(outcome, held))
    reading.faults.stop()
    return reading if outcome is None else reading.kept(reading.frame["outcome"].astype(str) == outcome)


def _one_scale(reading: Reading, scales: list[str]) -> bool:
    """Tell ratios from differences; anything else, or both at once, is a fault."""
    for word in dict.fromkeys(scales):
        if word not in SCALES:
            reading.add(f"scale: {word!r} is none", nearest(word, list(SCALES)))
    kinds = {SCALES[word] for word in scales if word in SCALES}
    differences = sorted({word for word in scales if SCALES.get(word) == "difference"})
    if len(kinds) > 1 or len(differences) > 1:
        what = " and ".join(sorted(set(scales)))
        reading.add(f"scale: {what} are never pooled", "synthesise studies of one scale at a time")
    reading.faults.stop()
    return kinds == {"ratio"}


def _unit(reading: Reading) -> str:
    """Return what rates are per, in words, and note where that is not the same for all."""
    frame = reading.frame
    if "per" not in frame or not (frame["scale"].astype(str) == "rate_per").all():
        return ""
    per = sorted({float(one) for one in pd.to_numeric(frame["per"], errors="coerce").dropna()})
    if len(per) > 1:
        said = ", ".join(f"{one:g}" for one in per)
        reading.add(f"rates are per {said}", "run the designs again with one panel.outcome.per")
    return f"per {per[0]:,.10g}" if per else ""


def _numbers(reading: Reading, *, ratio: bool) -> tuple[Array, Array, pd.DataFrame, tuple[str, ...]]:
    """Return effects and standard errors on the working scale, errors of intervals where there are none; intervals."""
    met = len(reading.faults.found)
    estimate = numbers(reading, "estimate")
    plain = (reading.frame["scale"].astype(str) == "ratio").to_numpy()
    columns = {name: numbers(reading, name) for name in ("std_error", "conf_low", "conf_high") if name in reading.frame}
    level = np.full(len(estimate), 0.95)
    if "conf_level" in reading.frame:
        given = numbers(reading, "conf_level")
        level = np.where(np.isnan(given), 0.95, given)
        if (wrong := (level <= 0) | (level >= 1)).any():
            reading.add(f"conf_level: is no share, {reading.lines(wrong)}", "write 0.95, or leave it empty for that")
            return level, level, pd.DataFrame(), ()
    empty = np.full(len(estimate), np.nan)
    low, high = (columns.get(name, empty) for name in ("conf_low", "conf_high"))
    for name, values in (("estimate", estimate), ("conf_low", low), ("conf_high", high)):
        if ratio and (wrong := plain & (values <= 0)).any():
            reading.add(f"{name}: a ratio is above zero, {reading.lines(wrong)}", "write scale: log for logs of ratios")
    with np.errstate(invalid="ignore", divide="ignore"):
        effects, low, high = (np.where(plain, np.log(values), values) for values in (estimate, low, high))
        implied = (high - low) / (2 * ndtri((1 + level) / 2))
    error = columns.get("std_error", empty)
    used = np.isnan(error)
    error = np.where(used, implied, error)
    if len(reading.faults.found) > met:
        return effects, error, pd.DataFrame(), ()
    with np.errstate(invalid="ignore"):
        outside = (effects < low) | (effects > high)
        unlike = ~used & np.isfinite(implied) & (np.abs(np.log(np.abs(implied / error))) > np.log(_UNLIKE))
        far = (error > _WIDEST * np.nanmin(np.where(error > 0, error, np.nan))) | (
            ratio & (np.abs(effects) > _LARGEST_LOG)
        )
    if outside.any():
        reading.add(f"estimate: lies outside its interval, {reading.lines(outside)}", "mend the line")
    if unlike.any():
        reading.add(
            f"std_error: is not the one that the interval beside it implies, {reading.lines(unlike)}",
            "for ratios write the error of the log; keep one of the two",
        )
    if far.any():
        reading.add(f"beyond what can be weighed beside the others, {reading.lines(far)}", "mend the units of the line")
    for what, wrong in (
        ("estimate: is empty", np.isnan(effects)), ("no std_error, and no interval", np.isnan(error)),
        ("std_error: is not above zero", error <= 0),
    ):  # fmt: skip
        if wrong.any():
            reading.add(f"{what}, {reading.lines(wrong)}", "a study without an error cannot be weighed: leave it out")
    own = pd.DataFrame({"conf_low": low, "conf_high": high, "conf_level": level})
    return effects, error, own, (_IMPLIED.format(int(used.sum())),) if used.any() else ()


#: How far a standard error may be from the one that the interval implies (t quantiles of few degrees of freedom).
_UNLIKE = 2.5
#: Largest standard error over the smallest; largest log of a ratio.
_WIDEST, _LARGEST_LOG = 1e6, 20.0
_IMPLIED = "{} standard errors are those that intervals imply: their width over twice the normal quantile"


def _bundles(folders: list[Path], outcome: str | None, independent: bool, faults: Faults) -> Studies:
    """Read the headline of bundles."""
    bundles = [faults.noted(partial(read_bundle, one)) for one in folders]
    faults.stop()
    rows = _apart([_headline(bundle, faults) for bundle in bundles if bundle is not None], folders)
    faults.stop()
    reading = Reading(pd.DataFrame(rows), ", ".join(map(str, folders)), faults, place="bundle")
    reading = _one_outcome(reading, outcome)
    rows = [rows[k] for k in reading.frame.index]
    scales = reading.frame["scale"].astype(str)
    ratio = _one_scale(reading, scales.tolist())
    effects, errors, own, notes = _numbers(reading, ratio=ratio)
    unit = _unit(reading)
    faults.stop()
    cluster, shared = _clusters(rows, independent, faults)
    faults.stop()
    names = tuple(str(row["study"]) for row in rows)
    told, outcome = (*notes, *shared), str(rows[0]["outcome"])
    said = [(name, bundles[k]) for name, k in zip(names, reading.frame.index, strict=True)]
    emmie, statements = _beside([(name, bundle) for name, bundle in said if bundle is not None])
    return Studies(
        names, effects, errors**2, ratio, outcome, cluster, reading.frame, told, own, unit, emmie, statements
    )


def _beside(bundles: list[tuple[str, ResultBundle]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what bundles say by the letters of EMMIE, and the statements of their programme theories, by study."""
    sheets = [bundle.tables("evidence.emmie").assign(study=name) for name, bundle in bundles]
    letters = pd.concat([sheet for sheet in sheets if "letter" in sheet] or [pd.DataFrame(columns=list(EMMIE))])
    said = [(name, text) for name, bundle in bundles for text in bundle.facts.theory.statements]
    return letters[list(EMMIE)].reset_index(drop=True), pd.DataFrame(said, columns=["study", "statement"])


def _apart(rows: list[dict[str, Any]], folders: list[Path]) -> list[dict[str, Any]]:
    """Name folders of one name by the folder that each stands in too."""
    names = [str(row["study"]) for row in rows]
    wider = [f"{folder.resolve().parent.name}/{name}" for folder, name in zip(folders, names, strict=True)]
    return [
        row | {"study": name if names.count(name) == 1 else wide}
        for row, name, wide in zip(rows, names, wider, strict=True)
    ]


def _headline(bundle: ResultBundle, faults: Faults) -> dict[str, Any]:
    """Return a bundle's headline as a row: its own interval, never another test's."""
    said = bundle.headline
    if said.get("estimate") is None:
        faults.add(str(bundle.path), "its headline has no estimate", "leave it out")
    elif said.get("std_error") is None and (said.get("conf_low") is None or said.get("conf_high") is None):
        what = "its headline has no closed interval, so that it cannot be weighed"
        faults.add(str(bundle.path), what, "leave it out, and say so")
    units = frozenset(bundle.weights["unit"].astype(str)) if len(bundle.weights) else frozenset()
    keys = ("estimate", "std_error", "conf_low", "conf_high", "conf_level", "scale", "per")
    title = str(bundle.design.get("title") or bundle.design.get("name") or "")
    asked = bundle.facts.question
    return {
        "study": bundle.path.resolve().name, "title": title, "outcome": str(asked.outcome),
        "intervention": str(asked.intervention), "units": units, **{key: said.get(key) for key in keys},
    }  # fmt: skip


def _clusters(
    rows: list[dict[str, Any]], independent: bool, faults: Faults
) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """Put studies that share authorities, directly or through others, into one cluster."""
    units = [frozenset(map(str, row["units"])) for row in rows]
    hidden = [str(row["study"]) for row, one in zip(rows, units, strict=True) if not one]
    if hidden and not independent:
        what = (
            f"{', '.join(hidden)}: which authorities take part is withheld, so that it cannot be seen whom they share"
        )
        faults.add("", what, "add --independent where they share none")
    cluster = list(range(len(rows)))
    pairs = [(i, j) for i in range(len(rows)) for j in range(i) if units[i] & units[j]]
    for i, j in pairs:
        cluster = [cluster[j] if one == cluster[i] else one for one in cluster]
    told = tuple(
        f"{rows[j]['study']} and {rows[i]['study']} share {len(units[i] & units[j])} authorities" for i, j in pairs
    )
    return np.array([str(one) for one in cluster]), told


def chosen(studies: Studies, kept: NDArray[np.bool_]) -> Studies:
    """Keep some studies."""
    return replace(
        studies, names=tuple(np.array(studies.names)[kept]), effects=studies.effects[kept],
        variances=studies.variances[kept], cluster=studies.cluster[kept], further=studies.further[kept],
        own=studies.own[kept] if len(studies.own) else studies.own,
    )  # fmt: skip
