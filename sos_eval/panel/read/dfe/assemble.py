"""`assembled`: published cells as a panel, a row per authority and year to March."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sos_eval.panel.read.dfe.layout import measure_names
from sos_eval.panel.read.dfe.published import PROVISIONAL, latest
from sos_eval.panel.read.dfe.ranges import hidden_ranges

__all__ = ["KEYS", "assembled"]

#: The first columns of the panel.
KEYS = ("la_code", "gss_code", "la_name", "region", "year")
#: Groups that do not say whether an authority was there in a year.
_AROUND = (
    "children", "denominators", "workforce", "schools", "poverty", "courts", "finance", "inspections", "deprivation",
)  # fmt: skip
#: Groups of one number for all years, of the release that the column's name says.
_LASTING = "deprivation"
#: Authorities of one year that are named one by one where no table counts anybody in it.
_MANY = 3
#: Group of measures -> the column that names their release; the others stand in the table of vintages alone.
_VINTAGES = {
    "counts": "counts_vintage", "children": "children_0_17_source", "cin": "cin_vintage",
    "inspections": "ofsted_vintage",
}  # fmt: skip


def assembled(
    cells: pd.DataFrame, places: pd.DataFrame, as_of: int | None = None, most: int | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Lay the last release of every cell out by authority and year.

    Parameters
    ----------
    cells, places
        Of `cells_of` and `places_by_year`.
    as_of
        The last release that counts; all without it.
    most
        The largest count that is ever suppressed; None where that is not known.

    Returns
    -------
    panel, left
        Measures as numbers, empty where suppressed or not published, with a column ``…_flag`` of the symbols where
        there are any, columns ``…_low`` and ``…_high`` between which a suppressed count lies, ``…_words`` of a
        judgement, and the release of each group; and the authorities and years that there were not, left out. What
        has one number for all years stands in each of them.
    """
    key = ["la_code", "year"]
    chosen = _lasting(latest(cells, as_of))
    numbers = chosen.pivot_table(index=key, columns="measure", values="value", aggfunc="first", dropna=False)
    there = set(cells["measure"].unique())
    measures = [name for name in measure_names() if name in there]
    numbers = numbers.reindex(columns=measures)
    numbers = numbers[numbers.index.isin(_inhabited(chosen))]
    flagged = chosen[chosen["flag"] != ""]
    flags = flagged.pivot_table(index=key, columns="measure", values="flag", aggfunc="first").reindex(numbers.index)
    ranges = hidden_ranges(chosen, cells, most).set_index("measure")
    wide: dict[str, Any] = {}
    for name in measures:
        wide[name] = numbers[name]
        if name in flags and flags[name].notna().any():
            wide[f"{name}_flag"] = flags[name].fillna("")
        if name in ranges.index:
            ends = ranges.loc[[name]].set_index(key).reindex(numbers.index)
            wide[f"{name}_low"], wide[f"{name}_high"] = ends["low"], ends["high"]
        judged = chosen[(chosen["measure"] == name) & (chosen["group"] == "inspections")]
        if len(judged):
            wide[f"{name}_words"] = judged.set_index(key)["written"].reindex(numbers.index).fillna("")
    for group, column in _VINTAGES.items():
        named = chosen[chosen["group"] == group].groupby(key)["vintage"].agg(_joined)
        if len(named):
            wide[column] = named.reindex(numbers.index).fillna("")
    panel = _placed(pd.DataFrame(wide, index=numbers.index).reset_index(), places)
    return panel, _nothing(chosen[key].drop_duplicates(), numbers.index)


def _nothing(every: pd.DataFrame, kept: Any) -> list[str]:
    """Name the authorities and years that no row has; many in a year of which nobody has one, once."""
    nowhere = every[~pd.MultiIndex.from_frame(every).isin(kept)].sort_values(["la_code", "year"])
    counts = nowhere["year"].value_counts()
    many = counts[(counts > _MANY) & ~counts.index.isin(kept.get_level_values("year"))].sort_index()
    alone = nowhere[~nowhere["year"].isin(many.index)]
    return [*(f"{row.la_code} {row.year}" for row in alone.itertuples()),
            *(f"{year} ({count} authorities)" for year, count in many.items())]  # fmt: skip


def _lasting(chosen: pd.DataFrame) -> pd.DataFrame:
    """Put what has one number for all years into every year of which an authority has anything else."""
    lasting = chosen["group"] == _LASTING
    there = chosen.loc[~lasting, ["la_code", "year"]].drop_duplicates()
    if there.empty:
        return chosen
    spread = chosen[lasting].drop(columns="year").merge(there, on="la_code")
    return pd.concat([chosen[~lasting], spread[list(chosen.columns)]], ignore_index=True)


def _inhabited(chosen: pd.DataFrame) -> pd.MultiIndex:
    """Return the authorities and years that there were, judged by counts where any were read.

    There they were where a number stands, or the symbol of one that is hidden; tidy tables print `z` or `x` for
    authorities that were not there and the tool `-`, wide ones print `x` for what is hidden.
    """
    counts = chosen[~chosen["group"].isin(_AROUND)]
    judged = counts if len(counts) else chosen
    nothing = judged["flag"].isin(["", PROVISIONAL, "z", "x", ":", "..", "-"])
    hidden = ~nothing | (judged["wide"] & judged["flag"].isin(["x", "-"]))
    return pd.MultiIndex.from_frame(judged.loc[judged["value"].notna() | hidden, ["la_code", "year"]])


def _joined(vintages: Any) -> str:
    return " / ".join(sorted(set(vintages)))


def _placed(panel: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Put the year's code, the last name, and the region (Inner and Outer London where told) before the measures."""
    order = ["release", "rank"]
    codes = places[places["gss_code"] != ""].sort_values(order).groupby("la_code")[["year", "gss_code"]].agg(list)
    names = places[places["la_name"] != ""].sort_values(order).groupby("la_code")["la_name"].last()
    regions = places[places["region"] != ""]
    regions = regions.assign(parted=regions["region"].isin(["Inner London", "Outer London"]))
    region = regions.sort_values(["parted", *order]).groupby("la_code")["region"].last()
    panel = panel.assign(
        gss_code=[_code_of(codes.loc[code], year) if code in codes.index else "" for code, year in
                  zip(panel["la_code"], panel["year"], strict=True)],
        la_name=[names.get(code, "") for code in panel["la_code"]],
        region=[region.get(code, "") for code in panel["la_code"]],
    )  # fmt: skip
    rest = [name for name in panel.columns if name not in KEYS]
    return panel[[*KEYS, *rest]].sort_values(["la_code", "year"], ignore_index=True)


def _code_of(codes: Any, year: int) -> str:
    """Return the code of the nearest year that is named, the earlier of two."""
    named = list(zip(codes["year"], codes["gss_code"], strict=True))
    return str(min(named, key=lambda pair: abs(pair[0] - year))[1])
