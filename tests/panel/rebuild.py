"""The shipped panel made again from the published files: ``python -m tests.panel.rebuild`` (needs ``../shared/data``).

Every cell of the shipped panel that the raw files hold too is equal, or is explained: by the release that it was
taken from, which is looked up in that release's own file; by another source of population; or by not being published.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from sos_eval.jobs.dfe import write_dfe
from sos_eval.panel.england.published import panel_file
from tests.conftest import SHARED

#: Our measure -> what the study of vintages calls it.
STUDIED = {"care_entries": "cla_started", "care_exits": "cla_ceased", "looked_after_31march": "cla_31march"}
WORDS = ("gss_code", "la_name", "region", "care_entries_raw", "counts_vintage", "children_0_17_source")
CAUSES = ("equal", "LAIT, not in the raw files", "LAIT in place of ULD 2019", "scaled from ages 0 to 16",
          "the DfE's own where the ONS has none", "in the raw files only")  # fmt: skip
UNEXPLAINED = "unexplained"


def text(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@cache
def interactive_tool() -> dict[tuple[str, str, str], float]:
    """Return what the interactive tool says of an authority, year and measure."""
    told = text(SHARED / "data" / "la_care_counts_by_publication_vintage.csv")
    told = told[told["vintage"] == "LAIT 2026-04"]
    keys = zip(told["old_la_code"], told["year"], told["measure"], strict=True)
    values = dict(zip(keys, pd.to_numeric(told["raw"], errors="coerce"), strict=True))
    alone = text(SHARED / "data" / "lait_children_social_care_subset.csv.gz")
    alone = alone[alone["measure"] == "Unacc_Asylmn_Seek_Childn"]
    own = zip(alone["la_number"], alone["period"], ["uasc_31march"] * len(alone), strict=True)
    return values | dict(zip(own, pd.to_numeric(alone["value"], errors="coerce"), strict=True))


def rebuilt(folder: Path, raw: Path) -> pd.DataFrame:
    write_dfe([raw], folder / "P.csv")
    return text(folder / "P.csv")


def cause(row: pd.Series, measure: str) -> str:
    """Say why a cell of the shipped panel is another than in the rebuilt one."""
    was, becomes = (pd.to_numeric(row[f"{measure} {side}"], errors="coerce") for side in ("shipped", "raw"))
    if pd.isna(was):
        return "in the raw files only"
    key = (row["la_code"], row["year"], STUDIED.get(measure, measure))
    if interactive_tool().get(key) == was:
        return "LAIT, not in the raw files" if pd.isna(becomes) else "LAIT in place of ULD 2019"
    source = row["children_0_17_source shipped"]
    if measure in {"children_0_17", "children_0_17_rebased"} and source == "approx_scaled_0_16" and pd.isna(becomes):
        return "scaled from ages 0 to 16"
    used = pd.to_numeric(row["children_0_17_as_used_by_dfe raw"], errors="coerce")
    if measure == "children_0_17" and source == "dfe_as_used" and pd.isna(becomes) and used == was:
        return "the DfE's own where the ONS has none"
    return UNEXPLAINED


def comparison(raw: Path) -> pd.DataFrame:
    """Count the cells of every measure by cause; cells that neither holds are not counted."""
    with TemporaryDirectory() as folder:
        ours = rebuilt(Path(folder), raw)
    shipped = text(panel_file("as_published"))
    keys = ["la_code", "year"]
    sides = [table.set_index(keys).add_suffix(f" {side}") for side, table in (("shipped", shipped), ("raw", ours))]
    both = sides[0].join(sides[1]).reset_index()
    measures = [name for name in shipped.columns if f"{name} raw" in both.columns and name not in WORDS]
    rows = []
    for name in measures:
        there = both[(both[f"{name} shipped"] != "") | (both[f"{name} raw"].fillna("") != "")]
        was, becomes = (pd.to_numeric(there[f"{name} {side}"], errors="coerce") for side in ("shipped", "raw"))
        others = there[was != becomes].apply(cause, axis=1, measure=name).value_counts()
        counts = {"equal": (was == becomes).sum(), **others}
        rows.append({"measure": name, **{why: int(counts.get(why, 0)) for why in (*CAUSES, UNEXPLAINED)}})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    print(comparison(SHARED / "data" / "raw").to_string(index=False))
