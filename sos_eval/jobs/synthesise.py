"""The job `synthesise`: several studies in, a folder with tables and figures out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sos_eval.bundle.files import csv_text, json_text
from sos_eval.bundle.listing import check_place, list_files
from sos_eval.bundle.whole import refuse_inputs, write_file, write_folder
from sos_eval.errors import Fault, InputFault
from sos_eval.report.html import render_document
from sos_eval.report.synthesis_page import MARKER, pulled_synthesis, read_synthesis
from sos_eval.synthesis.random_effects import Heterogeneity, Interval
from sos_eval.synthesis.studies import read_studies
from sos_eval.synthesis.synthesis import Synthesis, synthesise

__all__ = ["run_synthesis", "write_synthesis"]

SCHEMA = "sos-eval/synthesis/1"


def run_synthesis(
    sources: Sequence[Path],
    out: Path | None,
    *,
    outcome: str | None = None,
    heterogeneity: Heterogeneity = "reml",
    interval: Interval = "modified_hartung_knapp",
    group: str | None = None,
    moderator: str | None = None,
    independent: bool = False,
    force: bool = False,
) -> Synthesis:
    """Pool studies, and write the folder if one is named.

    Raises
    ------
    InputFault
        With every fault; nothing has been written.
    """
    if out is not None:
        refuse_inputs([out], sources)
        within = [source for source in sources if source.resolve() in out.resolve().parents]
        if within:
            raise InputFault(Fault(str(out), f"lies in {within[0]}, which this command reads", "choose another --out"))
        check_place(out, MARKER, "a synthesis", force=force)
    studies = read_studies(sources, outcome, independent=independent)
    answer = synthesise(studies, heterogeneity=heterogeneity, interval=interval, group=group, moderator=moderator)
    if out is not None:
        write_synthesis(answer, out, force=force)
    return answer


def write_synthesis(answer: Synthesis, out: Path, *, force: bool = False) -> None:
    """Write every table that has rows, the figures, `report.html` and `synthesis.json`, whole or not at all."""
    tables = {
        "studies": answer.studies, "synthesis": answer.models, "leave_one_out": answer.without,
        "small_studies": answer.small, "groups": answer.groups, "moderators": answer.moderators,
        "emmie": answer.emmie, "statements": answer.statements,
    }  # fmt: skip
    texts = {f"{name}.csv": csv_text(table) for name, table in tables.items() if len(table)}
    rows = {name: table.to_dict("records") for name, table in tables.items() if len(table)}
    said = {
        "sentence": answer.sentence,
        "verdict": answer.verdict,
        "notes": answer.notes,
        "not_shown": answer.not_shown,
    }
    texts[MARKER] = json_text({"schema": SCHEMA, **said, **rows})

    def fill(folder: Path) -> None:
        for name, text in texts.items():
            write_file(folder / name, text)
        list_files(folder)
        pulled = pulled_synthesis(read_synthesis(folder))
        drawn = pulled.drawn()
        (folder / "figures").mkdir()
        for name, images in drawn.images.items():
            write_file(folder / f"{name}.svg", images["svg"])
            write_file(folder / "figures" / f"{name}.csv", drawn.data[name])
        write_file(folder / "report.html", render_document(pulled.document(drawn), drawn))
        list_files(folder)

    write_folder(out, fill, replace=force)
