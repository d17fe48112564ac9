"""The job `compare`: what changed between two bundles, read from what they publish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle, read_bundle
from sos_eval.bundle.files import csv_text
from sos_eval.bundle.listing import data_files_of
from sos_eval.bundle.whole import refuse_existing, refuse_inputs, write_file
from sos_eval.design.difference_words import bare, named
from sos_eval.design.differences import differ
from sos_eval.errors import Fault, Faults, InputFault, numeral
from sos_eval.panel.disclosure import FEWEST_UNITS

__all__ = ["COLUMNS", "BundleComparison", "compare_bundles", "write_comparison"]

#: One line of the comparison. For estimates ``difference`` is after minus before, on the line's own scale.
COLUMNS = (
    "part", "what", "before", "after", "difference", "before_low", "before_high", "after_low", "after_high",
    "verdict_before", "verdict_after", "note",
)  # fmt: skip

_KEY = [
    "estimator", "outcome", "estimand", "scale", "aggregation", "cohort", "time", "event_time", "subgroup", "inference",
]  # fmt: skip
_NUMBERS = ("estimate", "conf_low", "conf_high")
_SHORT = "withheld: one of the two bundles does not publish it"
_NEAR = "withheld: the units behind the two differ by fewer than may be told"
_APART = "withheld: its data, panel, comparison or estimator differ, and no gate has judged the two together"
#: Parts of a design that decide which units and periods every estimate rests on.
_ON_WHOM = ("panel", "comparison")


@dataclass(frozen=True)
class BundleComparison:
    """What changed between two bundles.

    Attributes
    ----------
    lines
        Sentences, in the order design, data, versions, estimates.
    table
        In `COLUMNS`: a row per key, file, count or version that differs, and per estimate of either bundle.
    """

    lines: tuple[str, ...]
    table: pd.DataFrame


def compare_bundles(before: Path, after: Path) -> BundleComparison:
    """Compare what two bundles publish.

    Raises
    ------
    InputFault
        One of them, or both, is no bundle of this version, or is damaged; all is said at once. Or one was written
        under a disclosure profile and the other was not.
    """
    a, b = _opened(before, after)
    _refuse_open_beside_guarded(a, b)
    parts = {
        "design": list(_design(a, b)), "data": list(_data(a, b)), "versions": list(_versions(a, b)),
        "estimates": list(_estimates(a, b)),
    }  # fmt: skip
    table = pd.DataFrame([row for rows in parts.values() for row in rows], columns=list(COLUMNS))
    return BundleComparison(tuple(line for name, rows in parts.items() for line in _told(name, rows)), table)


def write_comparison(answer: BundleComparison, out: Path, sources: Sequence[Path], *, force: bool = False) -> None:
    """Write the table as CSV, never over a file of the bundles."""
    if out.suffix.lower() != ".csv":
        raise InputFault(Fault(str(out), "--out: a comparison is written as CSV", f"name it {out.stem}.csv"))
    refuse_inputs([out], [file for source in sources for file in data_files_of(source)])
    refuse_existing(out, force=force)
    write_file(out, csv_text(answer.table))


def _opened(*folders: Path) -> tuple[ResultBundle, ...]:
    """Open bundles, or say what is wrong with any of them."""
    faults, opened = Faults(InputFault), list[ResultBundle]()
    for folder in folders:
        try:
            opened.append(_whole(read_bundle(folder)))
        except InputFault as fault:
            faults.extend(fault)
    faults.stop()
    return tuple(opened)


def _refuse_open_beside_guarded(a: ResultBundle, b: ResultBundle) -> None:
    """Refuse to set what passed no gate beside what did."""
    if a.guarded != b.guarded:
        bare_one, other = (a, b) if b.guarded else (b, a)
        what = f"written without a disclosure profile, and {other.path} under one: its full digits have passed no gate"
        raise InputFault(Fault(str(bare_one.path), what, "run its design under the same profile, and compare those"))


def _whole(bundle: ResultBundle) -> ResultBundle:
    """Refuse a bundle whose provenance does not hold what a run writes there."""
    for key, kind in (("versions", dict), ("data", list), ("code_sha256", str)):
        if not isinstance(bundle.provenance.get(key), kind):
            what = f"`{key}` is not what a run writes there"
            raise InputFault(Fault(str(bundle.path / "provenance.json"), what, "run the design again"))
    return bundle


def _changed(part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row per key at which two mappings differ."""
    for one in differ(dict(old), dict(new)):
        yield {"part": part, "what": one.dotted, "before": _text(one.locked), "after": _text(one.now)}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.15g}"
    return "" if value is None else str(value)


def _design(a: ResultBundle, b: ResultBundle) -> Iterator[dict[str, Any]]:
    """Yield the keys at which the resolved designs differ; entries of lists go by name, not by place."""
    yield from _changed("design", _by_name(bare(a.design)), _by_name(bare(b.design)))


def _by_name(value: Any) -> Any:
    """Return a design with lists of named entries as mappings."""
    if isinstance(value, dict):
        return {key: _by_name(item) for key, item in value.items()}
    if isinstance(value, list):
        return _by_name(named(value)) if named(value) else [_by_name(item) for item in value]
    return value


def _data(a: ResultBundle, b: ResultBundle) -> Iterator[dict[str, Any]]:
    """Yield the files that went in whose hash differs, and the units and rows at the start and end of the flow."""
    yield from _changed("data", _hashes(a), _hashes(b))
    shown = {name: (_counts(a)[name], _counts(b)[name]) for name in _counts(a) if name in _counts(b)}
    for name, (old, new) in shown.items():
        if np.isnan(old) != np.isnan(new):
            yield {"part": "data", "what": name, "note": _SHORT}
        elif old != new and not np.isnan(old):
            row = {"part": "data", "what": name, "before": old, "after": new}
            yield row if a.guarded else row | {"difference": new - old}


def _hashes(bundle: ResultBundle) -> dict[str, str]:
    """Return the hash of each file that went in, by its name without its folder; none under a disclosure profile."""
    files = [file for file in bundle.provenance["data"] if "sha256" in file]
    return {f"{Path(file['file']).name} (SHA-256)": file["sha256"] for file in files}


def _counts(bundle: ResultBundle) -> dict[str, float]:
    """Return units and rows at the start and the end; NaN where they are held back."""
    flow = bundle.flow[bundle.flow["step"].isin(["start", "end"])].drop_duplicates("step")
    numbers = flow[["units", "rows"]].apply(pd.to_numeric, errors="coerce")
    where = {"start": "as read", "end": "analysed"}
    return {
        f"{column} {where[step]}": float(numbers.loc[at, column])
        for at, step in flow["step"].items() for column in ("units", "rows")
    }  # fmt: skip


def _versions(a: ResultBundle, b: ResultBundle) -> Iterator[dict[str, Any]]:
    """Yield what differs in code, libraries, seed and lock."""
    yield from _changed("versions", _made_with(a), _made_with(b))


def _made_with(bundle: ResultBundle) -> dict[str, Any]:
    made = bundle.provenance
    state = made["lock"].get("state") if isinstance(made.get("lock"), dict) else None
    return {**made["versions"], "code (SHA-256)": made["code_sha256"], "seed": made.get("seed"), "lock": state}


def _estimates(a: ResultBundle, b: ResultBundle) -> Iterator[dict[str, Any]]:
    """Yield a row per estimate of either bundle; under a profile no difference, and numbers of like estimates alone."""
    fewest, apart = max(_fewest(a), _fewest(b)), _judged_apart(a, b)
    old, new = _keyed(a), _keyed(b)
    for key in dict.fromkeys([*old, *new]):
        row = {"part": "estimates", "what": " ".join(part for part in key if part)}
        row |= {"verdict_before": _verdict(a, key), "verdict_after": _verdict(b, key)}
        then, now = old.get(key), new.get(key)
        if a.guarded and (note := _held(then, now, fewest) or (_APART if apart & {"", key[0]} else "")):
            yield row | {"note": note}
            continue
        row["note"] = _absent(then, now)
        row |= _side("before", then) | _side("after", now)
        yield row if a.guarded else row | _difference(then, now)


def _judged_apart(a: ResultBundle, b: ResultBundle) -> set[str]:
    """Return the estimators that differ in what they rest on; "" where all do."""
    keys = [one.key for one in differ(_by_name(bare(a.design)), _by_name(bare(b.design)))]
    every = _hashes(a) != _hashes(b) or any(key[0] in _ON_WHOM for key in keys)
    return ({""} if every else set()) | {str(key[1]) for key in keys if key[0] == "estimators" and len(key) > 1}


def _keyed(bundle: ResultBundle) -> dict[tuple[str, ...], pd.Series]:
    """Return the rows of `estimates.csv` by what they are about."""
    rows = bundle.estimates
    names = [
        [_named_part(column, cell) for column, cell in zip(_KEY, cells, strict=True)] for cells in rows[_KEY].values
    ]
    keys = [tuple(name) for name in names]
    return {key: rows.iloc[k] for k, key in enumerate(keys)}


def _named_part(column: str, cell: Any) -> str:
    """Return a part of a key as text: what is empty is left out, what is a number says of what."""
    if cell is None or cell == "" or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    text = f"{cell:g}" if isinstance(cell, float) else str(cell)
    return f"{column} {text}" if column in ("cohort", "time", "event_time") else text


def _verdict(bundle: ResultBundle, key: tuple[str, ...]) -> str:
    """Return the verdict where a row is the headline's; no other row has one."""
    head = bundle.headline
    about = [_named_part(column, head.get(column)) for column in _KEY]
    return str(head.get("verdict", "")) if tuple(about) == key else ""


def _fewest(bundle: ResultBundle) -> int:
    """Return the fewest units that a result may rest on."""
    declared = (bundle.design.get("disclosure") or {}).get("minimum_units")
    return int(declared or (FEWEST_UNITS if bundle.guarded else 0))


def _held(then: pd.Series | None, now: pd.Series | None, fewest: int) -> str:
    """Say why a row shows no numbers under a profile; empty where both publish them."""
    if then is None or now is None or np.isnan(then["estimate"]) or np.isnan(now["estimate"]):
        return _SHORT
    apart = [abs(float(now[name]) - float(then[name])) for name in ("n_units", "n_treated_units")]
    return _NEAR if any(0 < gap < fewest for gap in apart) else ""


def _absent(then: pd.Series | None, now: pd.Series | None) -> str:
    """Say that a row stands in one bundle only, or why it has no number there."""
    if then is None or now is None:
        return "only after" if then is None else "only before"
    reasons = {"before": str(then["reason"] or ""), "after": str(now["reason"] or "")}
    empty = {"before": np.isnan(then["estimate"]), "after": np.isnan(now["estimate"])}
    return "; ".join(f"{side}: {reason}" for side, reason in reasons.items() if reason and empty[side])


def _side(name: str, row: pd.Series | None) -> dict[str, Any]:
    """Return estimate and interval of one bundle."""
    if row is None:
        return {}
    return dict(zip((name, f"{name}_low", f"{name}_high"), (float(row[column]) for column in _NUMBERS), strict=True))


def _difference(then: pd.Series | None, now: pd.Series | None) -> dict[str, float]:
    return {} if then is None or now is None else {"difference": float(now["estimate"]) - float(then["estimate"])}


def _told(part: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Say one part in sentences: summaries of estimates that changed, and how many others did."""
    if part != "estimates":
        yield from (f"{part}: {_sentence(row)}" for row in rows)
        if not rows:
            yield f"{part}: nothing differs"
        return
    changed = [row for row in rows if _differs(row)]
    cells = [row for row in changed if any(f" {word} " in row["what"] for word in ("cohort", "time", "event_time"))]
    yield from (f"estimates: {_sentence(row)}" for row in changed if row not in cells)
    if cells:
        yield f"estimates: {len(cells)} by cohort or period differ as well; --out and --json hold them"
    if len(rows) > len(changed):
        yield f"estimates: {len(rows) - len(changed)} are the same"


def _differs(row: Mapping[str, Any]) -> bool:
    """Whether anything that a row shows differs."""
    pairs = [("before", "after"), ("before_low", "after_low"), ("before_high", "after_high")]
    numbers = [(row.get(old, np.nan), row.get(new, np.nan)) for old, new in pairs]
    apart = any(old != new and not (np.isnan(old) and np.isnan(new)) for old, new in numbers)
    return apart or row["verdict_before"] != row["verdict_after"] or bool(row["note"])


def _sentence(row: Mapping[str, Any]) -> str:
    """Say one row."""
    shown = [f"{_shown(row, 'before')} -> {_shown(row, 'after')}"] if {"before", "after"} & set(row) else []
    if "difference" in row and not np.isnan(row["difference"]):
        shown.append(f"(difference {numeral(row['difference'], 4)})")
    verdicts = (row.get("verdict_before", ""), row.get("verdict_after", ""))
    if any(verdicts):
        shown.append("verdict " + " -> ".join(verdict or "none here" for verdict in verdicts))
    return " ".join([f"{row['what']}:", *shown, *([f"[{row['note']}]"] if row.get("note") else [])])


def _shown(row: Mapping[str, Any], side: str) -> str:
    """Return one side: text, or a number with its interval."""
    value = row.get(side, "")
    if isinstance(value, str):
        return (value if len(value) <= 80 else f"{value[:77]}...") or "nothing"
    if np.isnan(value):
        return "none"
    ends = [row.get(f"{side}_{end}", np.nan) for end in ("low", "high")]
    return numeral(value, 4) + ("" if np.isnan(ends).all() else f" ({numeral(ends[0], 4)} to {numeral(ends[1], 4)})")
