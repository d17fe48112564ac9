"""Time and memory of half a million events of a CIN census to a panel, beside plain pandas: ``python -m bench.cin``.

Plain pandas reads the tables, parses the days and counts referrals, re-referrals, assessments and enquiries by year; of
the XML plain Python takes the same tables first (`xml.etree.ElementTree.iterparse`). It judges no rule.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from xml.etree import ElementTree

import numpy as np
import pandas as pd

REFERRALS = 200_000
BEGINS = {
    "CINdetails": "CINreferralDate", "Assessments": "AssessmentActualStartDate", "Section47": "S47ActualStartDate",
}  # fmt: skip


def write(folder: Path, n: int) -> None:
    """Write two returns, CSV and XML alike: two referrals a child, each assessed, half enquired into."""
    rng = np.random.default_rng(1)
    child = np.repeat(np.arange(n // 2), 2)
    referral = np.datetime64("2019-04-01") + rng.integers(0, 720, n)
    days = {"referral": referral, "begun": referral + 3, "ended": referral + 40, "enquiry": referral + 5}
    words = {name: pd.Series(column).dt.strftime("%Y-%m-%d") for name, column in days.items()}
    ids = pd.Series(child).map("C{:07d}".format)
    base = {"LAchildID": ids, "PersonBirthDate": "2012-05-01", "CINreferralDate": words["referral"]}
    tables = {
        "CINdetails": pd.DataFrame({**base, "CINclosureDate": words["ended"], "ReferralNFA": "0"}),
        "Assessments": pd.DataFrame({
            **base, "AssessmentActualStartDate": words["begun"], "AssessmentAuthorisationDate": words["ended"],
        }),
        "Section47": pd.DataFrame({**base, "S47ActualStartDate": words["enquiry"]})[::2],
    }  # fmt: skip
    late = pd.Series(referral >= np.datetime64("2020-04-01"))
    for year, now in (("2020", ~late), ("2021", late)):
        for kind in ("csv", "xml"):
            (folder / kind / "301" / year).mkdir(parents=True)
        for name, table in tables.items():
            table[now.loc[table.index]].to_csv(folder / "csv" / "301" / year / f"{name}.csv", index=False)
        with (folder / "xml" / "301" / year / "return.xml").open("w", encoding="utf-8") as file:
            file.write("<Message><Header><Source><LEA>301</LEA></Source></Header><Children>\n")
            for i in np.flatnonzero(now):
                file.write(_child(ids[i], {name: words[name][i] for name in words}, enquired=i % 2 == 0))
            file.write("</Children></Message>\n")


def _child(number: str, days: dict[str, str], *, enquired: bool) -> str:
    enquiry = f"<Section47><S47ActualStartDate>{days['enquiry']}</S47ActualStartDate></Section47>" if enquired else ""
    return (
        f"<Child><ChildIdentifiers><LAchildID>{number}</LAchildID><PersonBirthDate>2012-05-01</PersonBirthDate>"
        f"</ChildIdentifiers><CINdetails><CINreferralDate>{days['referral']}</CINreferralDate>"
        f"<CINclosureDate>{days['ended']}</CINclosureDate><Assessments><AssessmentActualStartDate>{days['begun']}"
        f"</AssessmentActualStartDate><AssessmentAuthorisationDate>{days['ended']}</AssessmentAuthorisationDate>"
        f"</Assessments>{enquiry}<ReferralNFA>0</ReferralNFA></CINdetails></Child>\n"
    )


def ours(folder: Path, kind: str) -> None:
    """`panel cin` with all rules."""
    from sos_eval.jobs.census import write_census
    from sos_eval.panel.disclosure import Disclosure

    write_census([folder / kind], folder / f"{kind}.csv", Disclosure(profile="open"), force=True)


def plain(folder: Path, kind: str) -> None:
    """Plain pandas, without rules."""
    tables = _parsed(folder / kind) if kind == "xml" else {
        name: pd.concat([pd.read_csv(path, dtype=str) for path in sorted((folder / kind).rglob(f"{name}.csv"))])
        for name in BEGINS
    }  # fmt: skip
    counts = {}
    for name, table in tables.items():
        when = "AssessmentAuthorisationDate" if name == "Assessments" else BEGINS[name]
        day = pd.to_datetime(table[when], format="%Y-%m-%d")
        table = table.assign(day=day, year=(day + pd.DateOffset(months=9)).dt.year).sort_values(["LAchildID", "day"])
        table = table.drop_duplicates(["LAchildID", "day"])
        counts[name] = table.groupby("year").size()
        if name == "CINdetails":
            before = table.groupby("LAchildID")["day"].shift()
            counts["again"] = table[before >= table["day"] - pd.DateOffset(years=1)].groupby("year").size()
    pd.DataFrame(counts).to_csv(folder / f"plain_{kind}.csv")


def _parsed(folder: Path) -> dict[str, pd.DataFrame]:
    rows: dict[str, list[dict[str, str | None]]] = {name: [] for name in BEGINS}
    for path in sorted(folder.rglob("*.xml")):
        for _, child in ElementTree.iterparse(path):  # our own file
            if child.tag != "Child":
                continue
            number = child.findtext("ChildIdentifiers/LAchildID")
            for details in child.iter("CINdetails"):
                for name in BEGINS:
                    for element in [details] if name == "CINdetails" else details.iter(name):
                        rows[name].append({"LAchildID": number, **{cell.tag: cell.text for cell in element}})
            child.clear()
    return {name: pd.DataFrame(found) for name, found in rows.items()}


def main() -> None:
    """Print seconds, seconds of CPU with imports, and peak memory of both, each in a process of its own."""
    if len(sys.argv) > 1:
        which, kind, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
        begun = perf_counter()
        {"ours": ours, "plain": plain}[which](folder, kind)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = f"{perf_counter() - begun:6.2f} s {process_time():6.2f} s CPU"
        print(f"{kind} {which:<6} {seconds} {peak:8.0f} MiB", flush=True)
        return
    with TemporaryDirectory() as name:
        write(Path(name), REFERRALS)
        for kind in ("csv", "xml"):
            for which in ("ours", "plain"):
                subprocess.run([sys.executable, "-m", "bench.cin", which, kind, name], check=True)


if __name__ == "__main__":
    main()
