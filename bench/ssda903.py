"""Time and peak memory of a million episodes to a panel, beside plain pandas: ``python -m bench.ssda903``.

Plain pandas reads the file, parses the days and counts first starts, last ends and returns home; it judges no rule.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
import pandas as pd

EPISODES = 1_000_000


def write(folder: Path, n: int) -> None:
    """Write the return of an authority: periods of care with one episode each, three a child."""
    rng = np.random.default_rng(1)
    child = np.repeat(np.arange(n // 3 + 1), 3)[:n]
    begun = np.datetime64("2010-04-01") + np.tile([0, 900, 1800], n // 3 + 1)[:n] + rng.integers(0, 500, n)
    ended = begun + rng.integers(1, 390, n)

    def words(days: np.ndarray) -> pd.Series:
        return pd.Series(days).dt.strftime("%d/%m/%Y")

    place = folder / "A" / "2018"
    place.mkdir(parents=True)
    pd.DataFrame({
        "CHILD": child, "DECOM": words(begun), "RNE": "S", "LS": rng.choice(["C1", "C2", "V2"], n), "CIN": "N1",
        "PLACE": rng.choice(["U1", "U4", "K2"], n), "DEC": words(ended), "REC": rng.choice(["E4A", "E8", "E13"], n),
    }).to_csv(place / "episodes.csv", index=False)  # fmt: skip
    ids = np.unique(child)
    pd.DataFrame({"CHILD": ids, "SEX": 1, "DOB": "01/01/2008", "ETHNIC": "", "UPN": ""}).to_csv(
        place / "header.csv", index=False
    )


def ours(folder: Path) -> None:
    """`panel ssda903` with all rules."""
    from sos_eval.jobs.returns import ReturnsAsked, write_returns
    from sos_eval.panel.disclosure import Disclosure

    write_returns(ReturnsAsked([folder / "A"], since=2011), folder / "p.csv", Disclosure(), force=True)


def plain(folder: Path) -> None:
    """Plain pandas, without rules."""
    table = pd.read_csv(folder / "A" / "2018" / "episodes.csv", dtype=str)
    for name in ("DECOM", "DEC"):
        table[name] = pd.to_datetime(table[name], format="%d/%m/%Y")
        table[f"year_{name}"] = (table[name] + pd.DateOffset(months=9)).dt.year
    table = table.sort_values(["CHILD", "DECOM"])
    starts = table[table["RNE"] == "S"].drop_duplicates(["CHILD", "year_DECOM"]).groupby("year_DECOM").size()
    ends = table[table["REC"] != "X1"].drop_duplicates(["CHILD", "year_DEC"], keep="last")
    home = ends[ends["REC"].isin(["E4A", "E4B"])].groupby("year_DEC").size()
    pd.concat([starts, ends.groupby("year_DEC").size(), home], axis=1).to_csv(folder / "plain.csv")


def main() -> None:
    """Print seconds, seconds of CPU with imports, and peak memory of both, each in a process of its own."""
    if len(sys.argv) > 1:
        begun = perf_counter()
        {"ours": ours, "plain": plain}[sys.argv[1]](Path(sys.argv[2]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{sys.argv[1]:<6} {perf_counter() - begun:6.2f} s {process_time():6.2f} s CPU {peak:8.0f} MiB", flush=True
        )
        return
    with TemporaryDirectory() as name:
        write(Path(name), EPISODES)
        for which in ("ours", "plain"):
            subprocess.run([sys.executable, "-m", "bench.ssda903", which, name], check=True)


if __name__ == "__main__":
    main()
