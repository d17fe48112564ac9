"""The `Panel`: who was observed when, with what outcome, and from when they were treated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import Fault, OurFault, listed
from sos_eval.panel.card import card
from sos_eval.panel.caveats import Caveat, sentences
from sos_eval.panel.own_names import as_written, is_ours
from sos_eval.panel.periods import Periods
from sos_eval.terms import Scale, YearConvention

__all__ = ["NAMED", "Array", "FlowRow", "Outcome", "Panel"]

Array = NDArray[np.float64]

#: Units that a line of the flow names; the rest are counted.
NAMED = 200

#: Those that every outcome has of its own.
_OF_OUTCOMES = ("outcome", "count", "exposure")

#: Cached properties that depend on the units and times of the rows alone, and those that depend on the starts too.
_WHO_AND_WHEN = ("_factorized", "_first_rows", "units", "times", "time_codes")
_WHEN_TREATED = ("first_treated", "cohorts", "pre_times")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome: its name in the design, its words for a reader, and its scale."""

    name: str = "outcome"
    label: str = "outcome"
    scale: Scale = "value"
    per: float = 1.0
    counted: bool = False
    transform: Literal["none", "log"] = "none"
    role: str = ""
    margin: float | None = None
    stock: bool = False


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One line of `flow.csv`: what was kept or dropped, and why. `names` are units, never people."""

    step: str
    what: Literal["start", "dropped", "kept", "noted"]
    units: int
    rows: int
    names: str = ""
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Panel:
    """Units over time with outcome, exposure, treatment and covariates; checked once, never mutated.

    Attributes
    ----------
    frame
        Sorted by unit and time. Columns ``unit`` (text), ``time`` (float), ``first_treated`` (float, ``inf`` =
        never), ``cluster`` (text), ``weight``, ``outcome``, ``count`` and ``exposure`` (NaN where the outcome is no
        count), ``stratum`` (text; only where estimates carry stratum-by-period effects), ``treated`` (0/1: exposed in
        this period, with stops; a fraction in a transition period counted as
        partial), ``dose`` (where one is declared), and every covariate under the user's name
        (``column unit`` where that is one of ours).
        Outcome ``k`` of several stands in ``outcome:k``, ``count:k``, ``exposure:k``; the plain names hold the one
        in use. Layout ``cross_sections``: a row is a person or event, unit and time repeat.
    labels
        Our name to the user's column, for messages and figures.
    outcomes, active
        All outcomes, and the name of the one in use.
    untreated_means
        Whether an untreated unit is ``never`` treated or its adoption is ``unknown``.
    absorbing
        False where some unit's treatment stops or switches.
    adoption
        The register's further columns by unit (embedded, stopped, prior_use, evidence, note), else empty.
    late_starts
        Unit to its start, for units that start after the last period: they are untreated throughout, and may respond
        ahead of it.
    flow
        What was kept and dropped so far.
    noted_caveats
        What page one must say of the data: prior use, overlapping programmes, covariates measured late.
    periods
        How the user writes periods; everything that holds them here are the numbers that stand for them.
    names_read
        Unit to name of every unit that was read, those left out since with them; empty without `panel.unit_name`.
    units_read
        Every unit that was read, those left out since with them; empty where the panel was not read from a file.
    replaced_below
        Counts below it, and above zero, stand in the place of others; see `panel.small_counts`. 0: all are as read.
    """

    frame: pd.DataFrame
    labels: Mapping[str, str] = field(default_factory=dict)
    layout: Literal["panel", "cross_sections"] = "panel"
    outcomes: tuple[Outcome, ...] = (Outcome(),)
    active: str = "outcome"
    covariates: tuple[str, ...] = ()
    untreated_means: Literal["never", "unknown"] = "never"
    absorbing: bool = True
    year_convention: YearConvention = "calendar"
    adoption: pd.DataFrame = field(default_factory=pd.DataFrame)
    late_starts: Mapping[Any, float] = field(default_factory=dict)
    omitted_times: Mapping[float, str] = field(default_factory=dict)
    flagged_times: Mapping[float, str] = field(default_factory=dict)
    weighted: bool = False
    source: str = "data"
    flow: tuple[FlowRow, ...] = ()
    noted_caveats: tuple[Caveat, ...] = ()
    periods: Periods = field(default_factory=Periods)
    names_read: Mapping[str, str] = field(default_factory=dict)
    units_read: frozenset[str] = frozenset()
    replaced_below: int = 0

    @property
    def further_columns(self) -> list[str]:
        """Columns of the frame that bear the user's names: covariates, and what strata or matching read."""
        return [str(name) for name in self.frame if not is_ours(str(name))]

    # -- who and when -------------------------------------------------------------------------------------------

    @cached_property
    def units(self) -> NDArray[np.object_]:
        """Unit ids, (n_units,), in canonical order."""
        return np.asarray(self._factorized[1], dtype=object)

    @cached_property
    def times(self) -> Array:
        """Observed periods, (n_times,), increasing."""
        return np.unique(self.frame["time"].to_numpy(float))

    @cached_property
    def _factorized(self) -> tuple[NDArray[np.intp], Any]:
        return pd.factorize(self.frame["unit"])

    def located(self, codes: NDArray[np.intp], units: NDArray[np.object_]) -> Panel:
        """Hand over what a reader knows already: each row's unit, (n_rows,), and the units in order of appearance."""
        self.__dict__["_factorized"] = (codes, units)
        return self

    @property
    def unit_codes(self) -> NDArray[np.intp]:
        """Position of each row's unit in `units`, (n_rows,)."""
        return self._factorized[0]

    @cached_property
    def _first_rows(self) -> NDArray[np.intp]:
        """Position of each unit's first row, (n_units,)."""
        reached = np.maximum.accumulate(self.unit_codes)
        return np.flatnonzero(np.diff(reached, prepend=-1))

    @cached_property
    def time_codes(self) -> NDArray[np.intp]:
        """Position of each row's time in `times`, (n_rows,)."""
        return np.searchsorted(self.times, self.frame["time"].to_numpy(float))

    @property
    def n_units(self) -> int:
        """How many units."""
        return len(self.units)

    @property
    def n_times(self) -> int:
        """How many observed periods."""
        return len(self.times)

    @property
    def n_rows(self) -> int:
        """How many rows."""
        return len(self.frame)

    # -- treatment ----------------------------------------------------------------------------------------------

    @cached_property
    def first_treated(self) -> Array:
        """First treated period, (n_units,); ``inf`` = never treated."""
        return np.asarray(self.unit_values("first_treated"), float)

    @cached_property
    def cohorts(self) -> Array:
        """First treated periods that occur, increasing, without ``inf``."""
        starts = np.unique(self.first_treated)
        return starts[np.isfinite(starts)]

    @property
    def ever_treated(self) -> NDArray[np.bool_]:
        """Units that are treated at some time, (n_units,)."""
        return np.isfinite(self.first_treated)

    @cached_property
    def pre_times(self) -> Array:
        """Periods before the first start of anyone: what a comparison group may be built from."""
        first = self.cohorts.min() if len(self.cohorts) else np.inf
        return self.times[self.times < first]

    # -- inference ----------------------------------------------------------------------------------------------

    @property
    def n_influence(self) -> int:
        """Length of an influence function: units of a panel, rows of cross-sections."""
        return self.n_units if self.layout == "panel" else self.n_rows

    @cached_property
    def clusters(self) -> NDArray[np.intp]:
        """Cluster code of each entry of an influence function, (n_influence,)."""
        column = self.unit_values("cluster") if self.layout == "panel" else self.frame["cluster"]
        if self.layout == "panel" and bool((column == self.units).all()):
            return np.arange(self.n_units)
        return pd.factorize(column, sort=True)[0]

    @property
    def n_clusters(self) -> int:
        """How many clusters."""
        return int(self.clusters.max()) + 1 if len(self.clusters) else 0

    @property
    def n_treated_clusters(self) -> int:
        """How many clusters hold a unit that is ever treated."""
        starts = self.first_treated if self.layout == "panel" else self.frame["first_treated"].to_numpy(float)
        return int(np.count_nonzero(np.bincount(self.clusters[np.isfinite(starts)])))

    @cached_property
    def weights(self) -> Array:
        """Weight per unit, (n_units,): where the column varies over time the mean over `pre_times`.

        A unit without a weight then has the mean of all its own.
        """
        weight = self.frame["weight"].to_numpy(float)
        known = np.isfinite(weight)
        varies = known & (weight != weight[self._first_rows][self.unit_codes])
        if len(self.pre_times) and varies.any():
            early = known & np.isin(self.time_codes, np.searchsorted(self.times, self.pre_times))
            has_early = np.bincount(self.unit_codes[early], minlength=self.n_units) > 0
            known &= early | ~has_early[self.unit_codes]
        codes = self.unit_codes[known]
        count = np.bincount(codes, minlength=self.n_units)
        total = np.bincount(codes, weight[known], self.n_units)
        return np.asarray(np.divide(total, count, out=np.full(self.n_units, np.nan), where=count > 0))

    # -- values -------------------------------------------------------------------------------------------------

    def matrix(self, column: str = "outcome") -> Array:
        """Return a column as (n_units, n_times); NaN where a unit has no row. Layout ``panel`` only."""
        if self.layout != "panel":
            raise OurFault("a matrix of units by times needs layout: panel")
        values = np.full((self.n_units, self.n_times), np.nan)
        values[self.unit_codes, self.time_codes] = self.frame[column].to_numpy(float)
        return values

    def unit_values(self, column: str) -> Any:
        """Return a column that is constant within units, (n_units,)."""
        return self.frame[column].array[self._first_rows].to_numpy()  # of text, the rows that are asked for alone

    @property
    def outcome(self) -> Outcome:
        """The outcome in use."""
        return next(one for one in self.outcomes if one.name == self.active)

    @cached_property
    def is_balanced(self) -> bool:
        """Whether every unit has an outcome in every period."""
        complete = self.n_rows == self.n_units * self.n_times
        return bool(complete and self.frame["outcome"].notna().all())

    # -- the same panel, changed --------------------------------------------------------------------------------

    def keep(self, units: Iterable[Any], step: str = "", reason: str = "") -> Panel:
        """Keep some units; with a step, `flow` says who was dropped and why."""
        wanted = set(units)
        mask = self.frame["unit"].isin(wanted)
        gone = [unit for unit in self.units if unit not in wanted]
        rows = int((~mask).sum())
        flow = self.flow
        if step and gone:
            flow = (*flow, FlowRow(step, "dropped", len(gone), rows, listed(gone, NAMED), reason))
        return replace(self, frame=self.frame[mask].reset_index(drop=True), flow=flow)

    def keep_times(self, times: Iterable[float], step: str = "", reason: str = "") -> Panel:
        """Keep some periods."""
        mask = self.frame["time"].isin(list(times))
        gone = self.times[~np.isin(self.times, list(times))]
        flow = self.flow
        if step and len(gone):
            names = ", ".join(self.periods.name(time) for time in gone)
            flow = (*flow, FlowRow(step, "dropped", 0, int((~mask).sum()), names, reason))
        return replace(self, frame=self.frame[mask].reset_index(drop=True), flow=flow)

    def with_outcome(self, values: Array) -> Panel:
        """Return the panel with another outcome: (n_units, n_times), or (n_rows,) for cross-sections.

        Where the outcome is a rate the count follows.
        """
        column = values[self.unit_codes, self.time_codes] if values.ndim == 2 else values
        if not self.outcome.counted:
            return self.with_columns(outcome=column)
        rate = np.exp(column) if self.outcome.transform == "log" else column
        return self.with_columns(outcome=column, count=rate / self.outcome.per * self.frame["exposure"].to_numpy(float))

    def with_count(self, values: Array) -> Panel:
        """Return the panel with other counts, (n_units, n_times); the outcome follows as a rate per `per`."""
        counts = values[self.unit_codes, self.time_codes] if values.ndim == 2 else values
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = counts / self.frame["exposure"].to_numpy(float) * self.outcome.per
            outcome = np.log(rate) if self.outcome.transform == "log" else rate
        return self.with_columns(count=counts, outcome=outcome)

    def with_weights(self, weights: Array) -> Panel:
        """Multiply each unit's weight, (n_units,); units of weight zero are left out."""
        kept = self.frame["weight"].to_numpy(float) * weights[self.unit_codes]
        changed = replace(self.with_columns(weight=kept), weighted=True)
        return changed.keep(self.units[weights > 0])

    @property
    def unit_names(self) -> dict[str, str]:
        """Unit to a readable name: `panel.unit_name` where it is declared, else the id itself."""
        names = self.unit_values("unit_name") if "unit_name" in self.frame else self.units
        return {str(unit): str(name) for unit, name in zip(self.units, names, strict=True)}

    @property
    def stratified(self) -> bool:
        """Whether estimates carry stratum-by-period effects."""
        return "stratum" in self.frame

    @property
    def partly_exposed(self) -> bool:
        """Whether some period counts as a fraction of exposure (`transition: partial`)."""
        treated = self.frame["treated"].to_numpy(float)
        return bool(((treated > 0) & (treated < 1)).any())

    @property
    def transition_dropped(self) -> bool:
        """Whether periods between start and full embedding are left out (`transition: drop`)."""
        return any(row.step == "transition" and row.what == "dropped" for row in self.flow)

    def with_first_treated(self, first_treated: Array) -> Panel:
        """Return the panel with another adoption, (n_units,); treatment is then absorbing.

        Doses travel with the starts where these are handed to other units: those of a cohort go to its new units, in
        the order of units. Where starts themselves change every unit's doses since its own start move with it.
        """
        starts = np.asarray(first_treated, float)[self.unit_codes]
        treated = (self.frame["time"].to_numpy(float) >= starts).astype(float)
        doses = self._doses_handed(np.asarray(first_treated, float))
        changed = replace(self.with_columns(first_treated=starts, treated=treated, **doses), absorbing=True)
        self.weights  # noqa: B018  those of the observed adoption stay: who weighs what is not drawn anew
        return changed._knowing(self, (*_WHO_AND_WHEN, "weights"))

    def _doses_handed(self, first_treated: Array) -> dict[str, Array]:
        """Return the column of doses under another adoption; nothing where there are none."""
        if "dose" not in self.frame or self.layout != "panel":
            return {}
        before, after = (np.argsort(starts, kind="stable") for starts in (self.first_treated, first_treated))
        dose = self.matrix("dose")
        if np.array_equal(self.first_treated[before], first_treated[after]):
            dose[after] = dose[before]
        else:
            dose = self._doses_moved(dose, first_treated)
        return {"dose": dose[self.unit_codes, self.time_codes]}

    def _doses_moved(self, dose: Array, first_treated: Array) -> Array:
        """Move doses, (n_units, n_times), with each unit's start; the last one goes on, and there is none before."""
        own, new = (np.searchsorted(self.times, starts) for starts in (self.first_treated, first_treated))
        since = np.arange(self.n_times) - new[:, None]
        moved = np.take_along_axis(dose, np.clip(own[:, None] + since, 0, self.n_times - 1), axis=1)
        shifted = (own != new) & (np.maximum(own, new) < self.n_times)  # whoever is never treated keeps what it had
        return np.where(shifted[:, None], np.where(since < 0, 0.0, moved), dose)

    def with_columns(self, **columns: Any) -> Panel:
        """Return the panel with columns added or replaced."""
        changed = replace(self, frame=self.frame.assign(**columns))
        if {"unit", "time"} & set(columns):
            return changed
        return changed._knowing(self, _WHO_AND_WHEN if "first_treated" in columns else _WHO_AND_WHEN + _WHEN_TREATED)

    def _knowing(self, other: Panel, names: tuple[str, ...]) -> Panel:
        """Take over what another panel with the same rows has worked out."""
        self.__dict__.update({name: other.__dict__[name] for name in names if name in other.__dict__})
        return self

    def select(self, name: str) -> Panel:
        """Return the panel with another of its outcomes in use."""
        if name == self.active:
            return self
        columns = {own: self.frame[f"{own}:{name}"] for own in _OF_OUTCOMES}
        keys = (*_OF_OUTCOMES, "value")
        own = {key: self.labels[f"{key}:{name}"] for key in keys if f"{key}:{name}" in self.labels}
        others = {key: column for key, column in self.labels.items() if key not in keys}
        return replace(self.with_columns(**columns), active=name, labels=others | own)

    def blinded(self) -> Panel:
        """Return the panel with every outcome from the first start of anyone onward set to NaN.

        What a comparison group is built on: no outcome that treatment could have touched can be read from it.
        """
        seen = np.isin(self.frame["time"].to_numpy(float), self.pre_times)
        hidden = [name for name in self.frame if str(name).split(":")[0] in {"outcome", "count"}]
        return self.with_columns(**{str(name): self.frame[name].where(seen) for name in hidden})

    def noted(self, *rows: FlowRow) -> Panel:
        """Return the panel with lines added to its flow."""
        return self.changed(flow=(*self.flow, *rows))

    def changed(self, **fields: Any) -> Panel:
        """Return the panel with other words about the same rows: any field but the frame and the layout."""
        return replace(self, **fields)._knowing(self, _WHO_AND_WHEN + _WHEN_TREATED)

    # -- words --------------------------------------------------------------------------------------------------

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences for page one, about the units that are in this panel."""
        return self._sentences("caveats")

    @property
    def support(self) -> tuple[str, ...]:
        """Clauses for page one on whom the estimate rests."""
        return self._sentences("basis")

    def _sentences(self, place: str) -> tuple[str, ...]:
        treated = set(self.units[self.ever_treated])
        groups = {"treated": treated, "untreated": set(self.units) - treated, "everybody": set(self.units)}
        noted = [caveat for caveat in self.noted_caveats if caveat.place == place]
        return sentences(noted, groups, self.unit_names)

    def label(self, name: str) -> str:
        """Return the user's column behind one of our names."""
        return self.labels.get(name, as_written(name))

    def _repr_html_(self) -> str:
        """Show its size in a notebook: units and periods, never a count of people."""
        first, last = (self.periods.name(float(time)) for time in (self.times[0], self.times[-1]))
        facts = {
            "units": self.n_units, "ever treated": int(self.ever_treated.sum()), "periods": self.n_times,
            "from": first, "to": last, "outcome": self.outcome.label,
        }  # fmt: skip
        return card("Panel", facts)

    def fault(self, what: str, instead: str = "") -> Fault:
        """Return a fault that names this panel's source."""
        return Fault(self.source, what, instead)
