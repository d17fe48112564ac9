"""Returns written as files, for tests: episodes as words, and a world of children as SSDA903 tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

EPISODES = "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN"


def write_return(folder: Path, episodes: list[str], dob: str = "01/01/2010", year: int = 2018) -> Path:
    """Write `CHILD DECOM RNE LS CIN PLACE DEC REC` (A/CHILD: of A) as returns; the number is the pupil's too."""
    held: dict[str, list[list[str]]] = {}
    for line in episodes:
        child, *rest = ("" if word == "-" else word for word in line.split())
        authority, _, own = child.rpartition("/")
        held.setdefault(authority or "A", []).append([own, *rest])
    for authority, rows in held.items():
        place = folder / authority / str(year)
        place.mkdir(parents=True, exist_ok=True)
        lines = [f"{c},{a},{r},{ls},{n},{p},,{d},{e},,,," for c, a, r, ls, n, p, d, e in rows]
        (place / "episodes.csv").write_text("\n".join([EPISODES, *lines]) + "\n")
        heads = [f"{c},1,{dob},WBRI,PUPIL{c},," for c in dict.fromkeys(row[0] for row in rows)]
        (place / "header.csv").write_text("\n".join(["CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB", *heads]) + "\n")
    return folder


def write_world(folder: Path, events: pd.DataFrame, last: int) -> Path:
    """Write the care of a world of children as one return per authority: all of its years in one file."""
    care = events[events["event"] == "care"]

    def days(column: pd.Series) -> pd.Series:
        return pd.to_datetime(column).dt.strftime("%d/%m/%Y").fillna("")

    for authority, own in care.groupby("la_code"):
        place = folder / str(authority) / str(last)
        place.mkdir(parents=True)
        table = pd.DataFrame({
            "CHILD": own["child_id"], "DECOM": days(own["care_start"]), "RNE": own["rne"], "LS": own["legal_status"],
            "CIN": "N1", "PLACE": own["placement"], "DEC": days(own["care_end"]), "REC": own["reason_ceased"],
        })  # fmt: skip
        table.to_csv(place / "episodes.csv", index=False)
        heads = own.drop_duplicates("child_id")
        pd.DataFrame(
            {"CHILD": heads["child_id"], "SEX": 1, "DOB": days(heads["birth_date"]), "ETHNIC": "", "UPN": ""}
        ).to_csv(place / "header.csv", index=False)
        alone = heads[heads["uasc"] == 1]
        pd.DataFrame({"CHILD": alone["child_id"], "SEX": 1, "DOB": days(alone["birth_date"]), "DUC": ""}).to_csv(
            place / "uasc.csv", index=False
        )
    return folder
