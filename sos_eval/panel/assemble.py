"""From a table to a `Panel`: read each declared column, check it all, leave out what was declared, say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from sos_eval.panel.axis import noted, numbered
from sos_eval.panel.breaks import breaks
from sos_eval.panel.caveats import Caveat
from sos_eval.panel.frame import labels_of, lay_out, missing_covariates, names_of
from sos_eval.panel.identified import check_identified
from sos_eval.panel.noted import one_sided, repeated_rows, shared_clusters, varying_weights
from sos_eval.panel.one_order import in_one_order
from sos_eval.panel.own_names import as_written
from sos_eval.panel.panel import FlowRow, Panel
from sos_eval.panel.rates import outcome_of
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows, identify
from sos_eval.panel.selection import drop_unusable, select_rows
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.subtotals import subtotals
from sos_eval.panel.sums import refuse_sums
from sos_eval.panel.treatment import Adoption, from_column

__all__ = ["Adopt", "assemble", "named_columns"]

Adopt = Callable[[Reading, PlacedRows], Adoption]


def assemble(
    reading: Reading,
    spec: PanelSpec,
    *,
    also: Sequence[str] = (),
    adopt: Adopt | None = None,
    require_untreated: bool = True,
    require_treated: bool = True,
) -> Panel:
    """Build a panel from a table.

    Parameters
    ----------
    reading
        The table, under the user's column names.
    spec
        The declared block.
    also
        Further columns that other parts of a design name (regions, strata, moderators).
    adopt
        Reads the adoption; the column `first_treated` without it.
    require_untreated
        Whether somebody must be untreated at some time that another unit is treated.
    require_treated
        Whether somebody must be treated at all.

    Raises
    ------
    DataFault, NotIdentified
        With every fault that was found.
    """
    reading = with_columns(reading, spec, also)
    whole, rows = identify(reading, spec)
    if not len(rows.codes):
        reading.add(f"{spec.unit}, {spec.time}: no row has both a unit and a period")
        reading.faults.stop()
    refuse_sums(whole, rows, spec)
    sums, sums_noted = subtotals(whole, rows, spec)
    spec = numbered(reading, spec, rows.periods, rows.times)
    adoption = (adopt or _column_adoption(spec))(whole, rows)
    names = names_of(whole, rows, spec.unit_name)[rows.starts] if spec.unit_name else []
    called = dict(zip(rows.units.tolist(), map(str, names), strict=False))
    read = frozenset(map(str, rows.units))
    kept, rows, adoption, flow = select_rows(whole, rows, adoption, spec)
    frame, measured = lay_out(kept, rows, adoption, spec, also)
    reading.faults.stop()
    gaps = missing_covariates(frame, rows, (*spec.covariates, *also))
    outcomes = tuple(outcome_of(name, one) for name, one in spec.named_outcomes.items())
    notes = tuple(row for one in measured.values() for row in one.flow)
    panel = Panel(
        frame=frame,
        labels=labels_of(spec),
        layout=spec.layout,
        outcomes=outcomes,
        active=outcomes[0].name,
        covariates=tuple(spec.covariates),
        untreated_means="never" if adoption.known.all() else "unknown",
        year_convention=spec.year_convention,
        adoption=adoption.register,
        omitted_times={float(time): one.why for one in spec.omit_times for time in one.times},
        flagged_times={float(time): why for time, why in spec.flag_times.items()},
        weighted=spec.weight is not None,
        source=reading.name,
        flow=(
            *flow,
            *noted(rows.periods, spec),
            *adoption.flow,
            *dict.fromkeys(notes),
            *reading.notes,
            *sums_noted,
            *gaps,
            *one_sided(frame, rows, spec),
            *shared_clusters(frame, rows, spec),
            *repeated_rows(frame, kept, rows, spec),
            *varying_weights(kept, rows, spec),
        ),
        noted_caveats=(*sums, *breaks(kept, rows, adoption.first_treated), *adoption.caveats),
        periods=rows.periods,
        names_read=called,
        units_read=read,
    ).located(rows.codes, rows.units)
    panel = in_one_order(_with_absorbing(_with_unknown(drop_unusable(panel, spec))))
    check_identified(panel, require_untreated=require_untreated, require_treated=require_treated)
    return panel


def _with_unknown(panel: Panel) -> Panel:
    """Say of how many units nobody knows whether they adopted."""
    if panel.untreated_means == "never":
        return panel
    known = panel.adoption["known"].reindex(panel.units).to_numpy(bool)
    unknown = panel.units[~known & ~panel.ever_treated]
    if not len(unknown):
        return panel.changed(untreated_means="never")
    everybody = len(unknown) == int((~panel.ever_treated).sum())
    whose = "any of the {of}" if everybody else "{n} of the {of}"
    caveat = Caveat(
        f"Whether {whose} untreated units used the intervention is unknown: the comparison is with usual practice, "
        "which may include it.",
        tuple((str(unit), "") for unit in unknown),
        "untreated",
    )
    row = FlowRow("unknown adoption", "noted", len(unknown), 0, "", "untreated, but not known never to have adopted")
    return panel.changed(noted_caveats=(*panel.noted_caveats, caveat)).noted(row)


def _with_absorbing(panel: Panel) -> Panel:
    """Say whether treatment stops anywhere in the periods that are used."""
    treated = panel.frame["treated"].to_numpy(float) > 0
    ends = treated[:-1] & ~treated[1:] & (np.diff(panel.unit_codes) == 0)
    return panel.changed(absorbing=not ends.any())


def with_columns(reading: Reading, spec: PanelSpec, also: Sequence[str]) -> Reading:
    """Check that every declared column is there; stand in an empty one so that the others are checked too."""
    lacking: list[str] = []
    twice: list[str] = []
    for name, keys in dict(reversed(named_columns(spec, also))).items():
        if not reading.column(name, *keys):
            (twice if name in reading.frame.columns else lacking).append(name)
    if {spec.unit, spec.time} & {*lacking, *twice}:
        reading.faults.stop()
    frame = reading.frame
    if twice:
        frame = frame.loc[:, ~frame.columns.duplicated()]
    return replace(reading, frame=frame.assign(**dict.fromkeys(lacking, np.nan))) if lacking or twice else reading


def named_columns(spec: PanelSpec, also: Sequence[str] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """List the columns that a block names, each with the key that names it."""
    named: list[tuple[str | None, tuple[str, ...]]] = [(spec.unit, ("unit",)), (spec.time, ("time",))]
    for name, one in spec.named_outcomes.items():
        at = ("outcome",) if spec.outcome else ("outcomes", name)
        named += [(one.count, (*at, "count")), (one.exposure, (*at, "exposure")), (one.value, (*at, "value"))]
    way = spec.treatment
    named += [(getattr(way, key), ("treatment", key)) for key in ("first_treated", "status", "dose")]
    named += [(getattr(spec, key), (key,)) for key in ("cluster", "weight", "unit_name")]
    named += [(as_written(name), ("covariates",)) for name in (*spec.covariates, *also)]
    return [(name, keys) for name, keys in named if name is not None]


def _column_adoption(spec: PanelSpec) -> Adopt:
    name = str(spec.treatment.first_treated)
    return lambda reading, rows: from_column(reading, rows, name, spec.treatment.untreated_means)
