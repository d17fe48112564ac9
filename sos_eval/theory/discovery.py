"""Where the effect differs, looked for rather than declared: econml's learners, and tests that noise does not pass."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Interval, Le, Lt, MinLen
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified
from sos_eval.numerics import _econml
from sos_eval.numerics._econml import Training
from sos_eval.panel.changes_of_people import changes_of_people
from sos_eval.panel.long_differences import LongDifferences, long_differences
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import Method, register

__all__ = [
    "DETECTABLE",
    "FEWEST",
    "CausalForest",
    "Discovery",
    "DoubleML",
    "DrLearner",
    "ExploredRows",
    "changes_of",
    "too_few_clusters",
    "training",
]  # fmt: skip

#: Treated clusters, and comparison clusters, that a discovery needs.
FEWEST = 40
#: Treated authorities, split in halves, to the difference between the halves that is found in four of five cases, as a
#: share of the rate: measured on the published English panel.
DETECTABLE = {10: 0.46, 20: 0.34, 40: 0.26, 70: 0.24}


@dataclass(frozen=True)
class Discovery(Method):
    """Looks for what the effect depends on. All it finds is exploratory."""

    kind: ClassVar[str] = "discovery"

    among: Annotated[tuple[Column, ...], MinLen(1)]
    """Columns that the effect may depend on, all there before the start; text counts as its categories."""
    folds: Annotated[int, Interval(ge=3, le=20)] = 5
    """Parts that clusters are dealt into; effects of a part are predicted by what the others taught."""
    splits: Annotated[int, Ge(1)] = 5
    """Times that the dealing is repeated: medians over them are reported, and twice the median p."""
    groups: Annotated[int, Interval(ge=2, le=10)] = 4
    """Groups of as many treated by predicted effect."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Of intervals."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The user's columns that it reads."""
        return self.among

    @abstractmethod
    def learn(self, rows: Training, at: Array) -> Array:
        """Return predicted effects at `at`, (m, k), by what rows teach."""


@register("double_ml")
@dataclass(frozen=True)
class DoubleML(Discovery):
    """Effects linear in what they depend on, by residuals of outcome and treatment (econml's LinearDML)."""

    reference: ClassVar[str] = "Chernozhukov et al. (2018)"
    label: ClassVar[str] = "double machine learning"

    def learn(self, rows: Training, at: Array) -> Array:
        """Return predicted effects at `at`."""
        return _econml.double_ml(rows, at)


@register("causal_forest")
@dataclass(frozen=True)
class CausalForest(Discovery):
    """Effects by honest trees on residuals of outcome and treatment (econml's CausalForestDML)."""

    reference: ClassVar[str] = "Wager and Athey (2018); Athey, Tibshirani and Wager (2019)"

    trees: Annotated[int, Ge(4)] = 400
    """Trees of a forest."""
    subsample: Annotated[float, Gt(0), Le(1)] = 0.45
    """Share of the rows that a tree sees."""
    least_leaf: Annotated[int, Ge(1)] = 5
    """Fewest rows of a leaf."""

    def learn(self, rows: Training, at: Array) -> Array:
        """Return predicted effects at `at`."""
        return _econml.causal_forest(
            rows, at, trees=self.trees, subsample=self.subsample, least_leaf=self.least_leaf
        )  # fmt: skip


@register("dr_learner")
@dataclass(frozen=True)
class DrLearner(Discovery):
    """Effects linear in what they depend on, by doubly robust scores (econml's DRLearner)."""

    reference: ClassVar[str] = "Kennedy (2023)"
    label: ClassVar[str] = "doubly robust learner"

    def learn(self, rows: Training, at: Array) -> Array:
        """Return predicted effects at `at`."""
        return _econml.dr_learner(rows, at)


@dataclass(frozen=True, slots=True)
class ExploredRows:
    """Changes of units or people, ready to be learnt from.

    Attributes
    ----------
    change, treated, weights, clusters, units : (n,)
    among, controls : (n, k), (n, m)
        Standardised.
    names
        Of the columns of `among`.
    raw : (n, k)
        `among` on its own scale.
    words
        Which changes, for a reader.
    """

    change: Array
    treated: Array
    weights: Array
    clusters: np.ndarray
    units: NDArray[np.object_]
    among: Array
    controls: Array
    names: tuple[str, ...]
    raw: Array
    words: str


def too_few_clusters(panel: Panel) -> str:
    """Say that treated or comparison clusters are too few to look for differences; empty where they are enough."""
    treated = panel.n_treated_clusters
    comparison = panel.n_clusters - treated
    if min(treated, comparison) >= FEWEST:
        return ""
    table = ", ".join(f"{n} treated {share:.0%}" for n, share in DETECTABLE.items())
    return (
        f"{treated} treated and {comparison} comparison clusters; looking for differences needs {FEWEST} of each. "
        f"Differences between halves of the treated that are found in four of five cases, of the rate: {table}"
    )


def changes_of(panel: Panel, among: tuple[str, ...], anticipation: float = 0) -> ExploredRows:
    """Return the changes that effects are learnt from.

    Raises
    ------
    NotIdentified
        There are none, or a column does not vary.
    """
    controls = tuple(name for name in panel.covariates if name not in among)
    with_columns = panel.changed(covariates=(*among, *controls))
    make = long_differences if panel.layout == "panel" else changes_of_people
    rows = make(with_columns, anticipation)
    if isinstance(rows, str):
        raise NotIdentified(panel.fault(f"moderators: {rows}"))
    raw = np.column_stack([rows.covariates[name] for name in among])
    further = np.column_stack([*(rows.covariates[name] for name in controls), rows.strata])
    names = tuple(label for name in among for label in _labels(panel, name, rows))
    if still := [name for name, column in zip(names, raw.T, strict=True) if np.ptp(column) == 0]:
        raise NotIdentified(panel.fault(f"moderators: {', '.join(still)} does not vary", "take it out of among"))
    among_all, controlled = _standard(raw), _standard(further[:, np.ptp(further, axis=0) > 0])
    if np.linalg.matrix_rank(np.column_stack([among_all, controlled])) < among_all.shape[1] + controlled.shape[1]:
        what = f"moderators: {', '.join((*among, *controls))} say the same: one follows from the others"
        raise NotIdentified(panel.fault(what, "take one out"))
    return ExploredRows(
        rows.change, rows.treated.astype(float), rows.weights, _clusters(panel, rows), rows.units,
        among_all, controlled, names, raw, rows.words,
    )  # fmt: skip


def _clusters(panel: Panel, rows: LongDifferences) -> np.ndarray:
    """Return each row's cluster, codes from zero, (n,)."""
    of_unit = dict(zip(panel.units, panel.unit_values("cluster"), strict=True))
    return np.unique([str(of_unit[unit]) for unit in rows.units], return_inverse=True)[1]


def _labels(panel: Panel, name: str, rows: LongDifferences) -> list[str]:
    """Return the names of a covariate's columns: its own, or with each category but the first."""
    if rows.covariates[name].shape[1] == 1 and panel.frame[name].dtype.kind in "iufb":
        return [name]
    return [f"{name}: {word}" for word in sorted(panel.frame[name].dropna().unique())[1:]]


def _standard(values: Array) -> Array:
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / spread)


def training(changes: ExploredRows, rows: np.ndarray, folds: np.ndarray, seed: int) -> Training:
    """Return some rows to learn from."""
    return Training(
        changes.change[rows], changes.treated[rows], changes.among[rows], changes.controls[rows],
        changes.weights[rows], folds[rows], seed,
    )  # fmt: skip
