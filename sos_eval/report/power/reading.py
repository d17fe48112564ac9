"""A power study's folder as its report reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.files import read_object
from sos_eval.bundle.listing import refuse_damage
from sos_eval.errors import Fault, InputFault
from sos_eval.numerics.clusters import reach
from sos_eval.report.power.naming import keys_named, line_named, procedure_words
from sos_eval.results.table import overall_rows

__all__ = ["PowerFolder", "headline", "read_power"]

EFFECT = "world.effect.size"
#: Rows of the check of trends before the start.
_TESTS = {"pretrends.joint": "all periods together", "pretrends.each": "each period by itself"}


@dataclass(frozen=True)
class PowerFolder:
    """The tables of a finished study.

    Attributes
    ----------
    plan
        `study.json`: world, reps, seed, points.
    power, mdes, failures, explain, formulas, sample
        Its tables.
    sentences
        In plain English.
    pretests
        `pretests.csv`; None where the study did not ask.
    families
        `families.csv`; None where every estimator has one outcome.
    """

    path: Path
    plan: dict[str, Any]
    power: pd.DataFrame
    mdes: pd.DataFrame
    failures: pd.DataFrame
    explain: pd.DataFrame
    formulas: pd.DataFrame
    sample: pd.DataFrame
    sentences: tuple[str, ...]
    pretests: pd.DataFrame | None = None
    families: pd.DataFrame | None = None

    @property
    def frames(self) -> int:
        """How many draws of authorities and adopters there are; studies made before they were counted have one."""
        return int(self.plan.get("frames", 1))

    @property
    def z(self) -> float:
        """How many Monte Carlo errors a 95% interval reaches to either side."""
        return reach(self.frames, int(self.plan["reps"]))

    @property
    def swept(self) -> list[str]:
        """Swept keys."""
        return list(self.plan["points"][0])

    @property
    def line(self) -> list[str]:
        """Columns that tell one line of a figure from another: the outcome too, where there are several."""
        several = len(self.power["outcome"].unique()) > 1
        return ["estimator", *(["outcome"] if several else []), "inference"]

    @property
    def headline(self) -> pd.DataFrame:
        """One row per estimator, inference and point: the overall effect where there is one."""
        return headline(self.power)

    def scale_words(self, outcome: str, scale: str) -> str:
        """Return a scale as a reader meets it: ``per 10,000``, ``rate ratio``; rates of older studies are ``rate``."""
        per = self.plan.get("per", {}).get(outcome)
        rate = f"per {per:,.10g}" if per is not None else "rate"
        return {"rate_per": rate, "ratio": "rate ratio", "value": "outcome's own units"}.get(scale, scale)

    @cached_property
    def labels(self) -> dict[str, dict[str, str]]:
        """Estimators and procedures in words, by column and by what stands there."""
        told = self.plan.get("labels") or {}
        estimators = dict(told.get("estimator") or {})
        words = {one: estimators.get(one, one) for one in dict.fromkeys(self.power["estimator"].astype(str))}
        named = {one: label if list(words.values()).count(label) == 1 else f"{label} ({one})"
                 for one, label in words.items()}  # fmt: skip
        procedures = {str(one): procedure_words(str(one), told.get("inference") or {}) for one in self._procedures}
        return {"estimator": named, "inference": procedures}

    @property
    def _procedures(self) -> list[str]:
        tables = [self.power, *(one for one in (self.pretests, self.families) if one is not None)]
        return list(dict.fromkeys(str(name) for table in tables for name in table["inference"].dropna()))

    def in_words(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with estimators and procedures in words."""
        named = {name: table[name].replace(words) for name, words in self.labels.items() if name in table}
        named |= {"check": table["check"].replace(_TESTS)} if "check" in table else {}
        return table.assign(**named)

    def said(self, sentence: str) -> str:
        """Return a sentence of the study with estimator and procedure in words."""
        for one, words in self.labels["estimator"].items():
            for key, procedure in self.labels["inference"].items():
                sentence = sentence.replace(f"{one}, {key} inference", f"{words}, {procedure}")
        return sentence

    def line_words(self, name: object) -> str:
        """Say the estimator, outcome and inference of a line of a figure."""
        parts = name if isinstance(name, tuple) else (name,)
        columns = self.line if len(parts) >= len(self.line) else [""] * len(parts)
        known = [self.labels.get(column, {}) for column in columns] + [{}] * (len(parts) - len(columns))
        return line_named(tuple(words.get(str(part), str(part)) for words, part in zip(known, parts, strict=True)))

    def point_words(self, row: Mapping[Any, Any]) -> str:
        """Say which line of a figure a row is, and at which values of the swept keys."""
        swept = keys_named(row, self.swept)
        return self.line_words(tuple(row[name] for name in self.line)) + (f" ({swept})" if swept else "")

    @property
    def independent(self) -> int:
        """How many independent draws a share is counted from: of authorities where these are drawn, else all."""
        return self.frames if self.frames > 1 else int(self.plan["reps"])

    @property
    def unseen(self) -> float:
        """How far the true share may lie from one of none or all of the draws: three in so many."""
        return min(3 / self.independent, 1.0)

    def reach_of(self, table: pd.DataFrame, share: str) -> NDArray[np.float64]:
        """Return how far the 95% interval of a share reaches below and above it, (2, n); of none or all, one way.

        A share of the draws that pass a test, ``…_passing``, is counted from so many fewer.
        """
        passing = share.endswith("_passing")
        counted = np.maximum(table["pass_rate"].to_numpy(float), 1 / self.independent) if passing else 1.0
        far = np.minimum(3 / (self.independent * counted), 1.0)
        value, error = (table[name].to_numpy(float) for name in (share, f"{share}_mcse"))
        below, above = np.minimum(self.z * error, value), np.minimum(self.z * error, 1 - value)
        return np.array([np.where(value >= 1, far, below), np.where(value <= 0, far, above)])

    def others(self, but: str) -> list[str]:
        """Swept keys but one."""
        return [name for name in self.swept if name != but]


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the overall rows on the scale that comes first for each estimator."""
    chosen = overall_rows(table)
    first = chosen.groupby(["estimator", "outcome"])["scale"].transform("first")
    return chosen[chosen["scale"] == first].reset_index(drop=True)


def read_power(folder: str | Path) -> PowerFolder:
    """Read a finished study.

    Raises
    ------
    InputFault
        The folder holds no finished power study, or one of its files is missing, cut or changed.
    """
    path = Path(folder)
    names = ("power", "mdes", "failures", "explain", "formulas", "sample")
    missing = [f"{name}.csv" for name in names if not (path / f"{name}.csv").is_file()]
    if missing or not (path / "study.json").is_file():
        raise InputFault(Fault(str(path), "holds no finished power study", "finish it with sos-eval power --resume"))
    refuse_damage(path)
    tables = {name: pd.read_csv(path / f"{name}.csv", keep_default_na=True) for name in names}
    sentences = tuple((path / "sentences.txt").read_text(encoding="utf-8").splitlines())
    plan = read_object(path / "study.json")
    pretests, families = (_if_there(path / f"{name}.csv") for name in ("pretests", "families"))
    return PowerFolder(path=path, plan=plan, sentences=sentences, pretests=pretests, families=families, **tables)


def _if_there(path: Path) -> pd.DataFrame | None:
    return pd.read_csv(path) if path.is_file() else None
