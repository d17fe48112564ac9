"""Decisions over several outcomes: how often an evaluation finds one of them, all of them, or one that is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.montecarlo.diagnosands import RowDraws, share
from sos_eval.montecarlo.line.truth import NOTHING
from sos_eval.numerics.multiplicity import holm

__all__ = ["ADJUSTMENTS", "DECISIONS", "family_rows", "family_table"]

#: What is decided, by its name in `families.csv`.
DECISIONS = ("at least one", "every one", "one that is not there", "this one")
ADJUSTMENTS = ("none", "holm")
#: What outcomes have in common that are decided on together.
KEYS = ("estimator", "aggregation", "estimand", "inference", "level")
SHARED = "no outcome is without an effect in this world"


def family_rows(keys: Sequence[Mapping[str, Any]], drawn: Sequence[RowDraws]) -> list[dict[str, Any]]:
    """Say how often the outcomes of an estimator are found together; nothing where there is one outcome.

    Parameters
    ----------
    keys, drawn
        Columns `ROW_KEYS` of each row of a point, and its draws.
    """
    families: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(keys):
        families.setdefault(tuple(key[name] for name in KEYS), []).append(i)
    rows: list[dict[str, Any]] = []
    for shared, members in families.items():
        if len(members) > 1:
            names = [str(keys[i]["outcome"]) for i in members]
            rows += _family(dict(zip(KEYS, shared, strict=True)), names, [drawn[i] for i in members])
    return rows


def _family(key: Mapping[str, Any], names: Sequence[str], drawn: Sequence[RowDraws]) -> list[dict[str, Any]]:
    """Lay out one family, a row a decision and adjustment."""
    frames = drawn[0].frames
    absent = np.array([bool((np.abs(one.true_effect) < NOTHING).all()) for one in drawn])
    rows: list[dict[str, Any]] = []
    for adjustment in ADJUSTMENTS:
        found = np.array([one.rejects for one in (drawn if adjustment == "none" else _by_holm(drawn))])
        same = {**key, "outcomes": len(names), "adjustment": adjustment}
        for decision, hits in ((DECISIONS[0], np.any(found, axis=0)), (DECISIONS[1], np.all(found, axis=0))):
            rows.append({**same, "decision": decision, "outcome": "", **_share(hits, frames), "reason": ""})
        wrong = (
            _share(np.any(found[absent], axis=0), frames) if absent.any() else {"share": np.nan, "share_mcse": np.nan}
        )
        reason = "" if absent.any() else SHARED
        rows.append({**same, "decision": DECISIONS[2], "outcome": "", **wrong, "reason": reason})
        for name, hits in zip(names, found, strict=True):
            rows.append({**same, "decision": DECISIONS[3], "outcome": name, **_share(hits, frames), "reason": ""})
    return rows


def _by_holm(drawn: Sequence[RowDraws]) -> list[RowDraws]:
    """Return the draws with adjusted p-values; a failed one is as far from a finding as can be."""
    p = holm(np.array([np.where(np.isfinite(one.p_value), one.p_value, 1.0) for one in drawn]))
    return [replace(one, p_value=own) for one, own in zip(drawn, p, strict=True)]


def _share(hits: NDArray[np.bool_], frames: NDArray[np.intp] | None) -> dict[str, float]:
    """Return a share of draws with its Monte Carlo error."""
    return dict(zip(("share", "share_mcse"), share(hits, frames), strict=True))


def family_table(rows: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> pd.DataFrame:
    """Lay out `families.csv`."""
    first = [*KEYS[:-1], *swept, "reps", "outcomes", "adjustment", "decision", "outcome", "share", "share_mcse"]
    return pd.DataFrame(rows, columns=[*first, "level", "reason"])
