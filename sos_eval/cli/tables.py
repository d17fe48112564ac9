"""`sos-eval table`: tables of a run, a power study or an economic evaluation, in the format of a publication."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sos_eval.bundle.whole import make_folder, refuse_inputs, write_file
from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet

if TYPE_CHECKING:
    from sos_eval.report.pull.shelf import Shelf
    from sos_eval.report.pull.written import Pull

__all__ = ["table"]

_FORMATS = ["csv", "md", "tex", "html", "xlsx", "docx"]


@click.command()
@click.argument("bundle", metavar="FOLDER", type=click.Path(path_type=Path))
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Else from --out's ending, or csv.")
@click.option("--columns", help="Names, separated by commas, in their order.")
@click.option("--digits", type=click.IntRange(1, 15), help="Significant digits; csv and xlsx keep all unless given.")
@click.option(
    "--layout", type=click.Choice(["rows", "models"]), default="rows", show_default=True,
    help="models: estimators side by side, the interval below the estimate.",
)  # fmt: skip
@click.option("--all", "every", is_flag=True, help="Every table, in one file or in a folder of files.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; with --all a file or a folder.")
@quiet
@as_json
@pass_screen
def table(
    screen: Screen, bundle: Path, name: str | None, form: str | None, columns: str | None, digits: int | None,
    layout: str, every: bool, out: Path | None,
) -> None:  # fmt: skip
    """Print or write a table of a run, a power study or an economic evaluation; without a name, list the tables.

    Formats: csv, md, tex (booktabs), html, xlsx (number cells), docx (native).
    """
    from sos_eval.report.pull.shelf import open_shelf

    shelf = open_shelf(bundle)
    if every:
        if name is not None or columns is not None or layout != "rows":
            raise click.UsageError("--all takes every table as it is: leave out NAME, --columns and --layout")
        _all(screen, shelf, form, digits, out)
    elif name is None:
        _list(screen, shelf)
    else:
        _one(screen, shelf, name, form, _split(columns), digits, layout == "models", out)


def _split(columns: str | None) -> list[str]:
    return [part.strip() for part in columns.split(",")] if columns is not None else []


def _one(
    screen: Screen, shelf: Shelf, name: str, form: str | None, columns: list[str], digits: int | None, models: bool,
    out: Path | None,
) -> None:  # fmt: skip
    """Print or write one table."""
    from sos_eval.report.pull.written import form_of, pulled, tables_file

    form = form_of(out, form) if out is not None else form or "csv"
    pull = pulled(shelf, name, columns=columns, digits=digits, models=models)
    if out is None:
        if form in ("xlsx", "docx"):
            raise click.UsageError(f"a {form} file cannot be printed: name it with --out {name}.{form}")
        text = tables_file({name: pull}, form, digits, page=False).decode()
        screen.answer(text.rstrip("\n"), pull.table.to_dict(orient="records"))
        return
    refuse_inputs([out], shelf.data_files)
    write_file(out, tables_file({name: pull}, form, digits))
    screen.answer(f"table: {out}", {"table": name, "file": str(out)})


def _all(screen: Screen, shelf: Shelf, form: str | None, digits: int | None, out: Path | None) -> None:
    """Write every table that there is into one file, or into a folder of a file each."""
    from sos_eval.report.pull.written import form_of, pulled, tables_file

    if out is None:
        raise click.UsageError("--all writes files: name a folder, or a .xlsx, .docx, .html, .md or .tex, with --out")
    pulls = {name: pulled(shelf, name) for name in shelf.contents[0]}
    if out.suffix:
        files = {out: tables_file(pulls, form_of(out, form), digits)}
    else:
        files = _apart(pulls, out, form or "csv", digits)
    refuse_inputs(list(files), shelf.data_files)
    if not out.suffix:
        make_folder(out)
    for file, content in files.items():
        write_file(file, content)
    told = {"tables": list(pulls), "files": [str(file) for file in files]}
    screen.answer(f"tables: {len(pulls)} in {out}", told)


def _apart(pulls: dict[str, Pull], out: Path, form: str, digits: int | None) -> dict[Path, bytes]:
    """Return a file's content for every table."""
    from sos_eval.report.pull.written import tables_file

    return {out / f"{name}.{form}": tables_file({name: one}, form, digits) for name, one in pulls.items()}


def _list(screen: Screen, shelf: Shelf) -> None:
    """List the tables, a line each, and why others are not here."""
    there, absent = shelf.contents
    width = max((len(name) for name in (*there, *absent)), default=0)
    lines = [f"{name:<{width}}  {shelf.words[name]}" for name in there]
    lines += [f"{name:<{width}}  not here: {why}" for name, why in absent.items()]
    rows = [{"name": name, "summary": shelf.words[name], "reason": absent.get(name, "")} for name in (*there, *absent)]
    screen.answer("\n".join(lines), rows)
