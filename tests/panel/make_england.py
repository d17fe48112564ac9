"""Make what ships in ``sos_eval/panel/england``: ``python -m tests.panel.make_england`` (needs ``../shared/data``).

Nothing is computed but what a merged area needs: sums, `mixed` where its parts differ in words, and means where a
score or a share is wanted. ``sos_eval/panel/england/SOURCES.md`` says what the columns mean.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd

from sos_eval.panel.england.published import FOLDER
from tests.conftest import SHARED

#: Numbers of authorities, before and after their reorganisation, that make one area of constant geography.
MERGED = {
    "H_DORSET": ("835", "836", "837", "838", "839"),
    "H_NORTHANTS": ("928", "940", "941"),
    "H_CUMBRIA": ("909", "942", "943"),
}

#: Published name -> ours, in the order of the columns.
NAMES = {
    "old_la_code": "la_code", "new_la_code": "gss_code", "la_name": "la_name", "region_name": "region", "year": "year",
    "cla_started": "care_entries", "cla_started_raw": "care_entries_raw", "cla_ceased": "care_exits",
    "cla_31march": "looked_after_31march", "cla_started_vintage": "counts_vintage", "pop_0_17": "children_0_17",
    "pop_source": "children_0_17_source", "pop_0_17_rebased": "children_0_17_rebased",
    "pop_0_17_as_used_by_dfe": "children_0_17_as_used_by_dfe",
    "cla_started_rate_published": "care_entry_rate_published", "uasc_31march": "uasc_31march",
    "uasc_pct_of_starts": "uasc_percent_of_entries", "idaci_2019_avg_score": "idaci",
    "idaci_2015_avg_score": "idaci_2015", "imd_2019_avg_score": "imd",
}  # fmt: skip

#: What a row of constant geography takes over from the file of that geography, under its names.
CONSTANT = {
    "unit": "la_code", "la_name": "la_name", "region_name": "region", "year": "year", "cla_started": "care_entries",
    "cla_ceased": "care_exits", "cla_31march": "looked_after_31march", "pop_0_17": "children_0_17",
    "pop_0_17_as_used_by_dfe": "children_0_17_as_used_by_dfe", "uasc_31march": "uasc_31march",
    "idaci_2019_avg_score": "idaci", "n_parts": "parts",
}  # fmt: skip

WORDS = ("gss_code", "counts_vintage", "children_0_17_source")
REGISTER = {"programme": "programme", "old_la_code": "unit", "la_name": "la_name", "role": "role",
            "start_as_stated": "start_as_stated", "source": "source", "note": "note"}  # fmt: skip


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(SHARED / "data" / name, dtype=str, keep_default_na=False)


def as_published() -> pd.DataFrame:
    """Lay out the authorities of each year, with all that was published by age, need, legal status and exit."""
    table = read("la_care_entry_panel_2011_2025.csv")
    further = {name: name.replace("start_", "care_entries_").replace("cease_", "care_exits_") for name in table}
    names = NAMES | {name: new for name, new in further.items() if new != name}
    return table[list(names)].rename(columns=names)


def constant() -> pd.DataFrame:
    """Lay out the 148 areas of constant geography, each with what its parts say."""
    table = read("la_care_entry_panel_constant_geography.csv")[list(CONSTANT)].rename(columns=CONSTANT)
    areas = {part: area for area, parts in MERGED.items() for part in parts}
    published = as_published()
    published["la_code"] = published["la_code"].replace(areas)
    parts = dict(iter(published.groupby(["la_code", "year"])))
    own = [parts[key] for key in zip(table["la_code"], table["year"], strict=True)]
    for name in WORDS:
        table[name] = [_word(part[name]) for part in own]
    table["children_0_17_rebased"] = [_sum(part["children_0_17_rebased"]) for part in own]
    table["uasc_percent_of_entries"] = [_share(part) for part in own]
    table["idaci_2015"] = table["la_code"].map(_score(published))
    order = [name for name in NAMES.values() if name in table]
    return table[[*order, "parts"]]


def _word(values: pd.Series) -> str:
    return values.iloc[0] if values.nunique() == 1 else "mixed"


def _sum(values: pd.Series) -> str:
    """Add up whole numbers; empty where one of them is."""
    return "" if (values == "").any() else str(values.astype(int).sum())


def _share(part: pd.DataFrame) -> str:
    """Return the parts' share of entries, weighted by entries, to a tenth of a per cent where there are several."""
    if len(part) == 1 or (part["uasc_percent_of_entries"] == "").any():
        return part["uasc_percent_of_entries"].iloc[0] if len(part) == 1 else ""
    entries = part["care_entries"].astype(float)
    return f"{(part['uasc_percent_of_entries'].astype(float) * entries).sum() / entries.sum():.1f}"


def _score(published: pd.DataFrame) -> dict[str, str]:
    """Return IDACI 2015 of each area: its parts' in the year to March 2015, weighted by their children."""
    scores: dict[str, str] = {}
    for area, part in published[published["year"] == "2015"].groupby("la_code"):
        children = part["children_0_17"].astype(float)
        mean = (part["idaci_2015"].astype(float) * children).sum() / children.sum()
        scores[str(area)] = part["idaci_2015"].iloc[0] if len(part) == 1 else f"{mean:.5f}"
    return scores


def programmes() -> pd.DataFrame:
    """Lay out the register of programmes, in the columns that `overlapping:` reads."""
    return read("programme_register.csv")[list(REGISTER)].rename(columns=REGISTER)


TABLES = {"constant": constant, "as_published": as_published, "programmes": programmes}


def text(name: str) -> str:
    """Return a file's text."""
    return TABLES[name]().to_csv(index=False, lineterminator="\n")


def main(folder: Path = FOLDER) -> None:
    for name in TABLES:
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text(name).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
