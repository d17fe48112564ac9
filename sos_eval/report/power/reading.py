"""A power study's folder as its report reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.bundle.files import read_object
from sos_eval.bundle.listing import refuse_damage
from sos_eval.errors import Fault, InputFault
from sos_eval.numerics.clusters import reach
from sos_eval.results.table import overall_rows

__all__ = ["PowerFolder", "headline", "read_power"]

EFFECT = "world.effect.size"


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
