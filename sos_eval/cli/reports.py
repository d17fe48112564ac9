"""`sos-eval report`, `figure` and `table`: what report builders pull out of a bundle."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet, write_file
from sos_eval.errors import Fault, InputFault

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["figure", "report", "table"]

_BUNDLE = click.argument("bundle", type=click.Path(path_type=Path))
_OUT = click.option("--out", type=click.Path(path_type=Path), help="File to write.")


@click.command()
@_BUNDLE
@click.option("--format", "form", type=click.Choice(["html", "docx", "md"]), default="html", show_default=True)
@_OUT
@quiet
@pass_screen
def report(screen: Screen, bundle: Path, form: str, out: Path | None) -> None:
    """Write a bundle's report, from the bundle alone."""
    from sos_eval.bundle.bundle import read_bundle

    screen.say(f"report: {read_bundle(bundle).report(form, out)}")


@click.command()
@_BUNDLE
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(["svg", "png", "pdf"]), help="From --out's ending, else svg.")
@_OUT
@quiet
@as_json
@pass_screen
def figure(screen: Screen, bundle: Path, name: str | None, form: str | None, out: Path | None) -> None:
    """Draw one figure of a bundle into a file; without a name, list the figures."""
    from sos_eval.bundle.bundle import read_bundle

    opened = read_bundle(bundle)
    if name is None:
        _list(screen, "figure")
        return
    form = form or (out.suffix.lstrip(".") if out else "") or "svg"
    out = out or Path(f"{name}.{form}")
    write_file(out, _drawn(opened.figure(name), form))
    screen.answer(f"figure: {out}", {"figure": name, "file": str(out)})


@click.command()
@_BUNDLE
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(["csv", "md", "tex", "html"]), default="csv", show_default=True)
@_OUT
@quiet
@as_json
@pass_screen
def table(screen: Screen, bundle: Path, name: str | None, form: str, out: Path | None) -> None:
    """Print one table of a bundle, or write it to a file; without a name, list the tables."""
    from sos_eval.bundle.bundle import read_bundle

    opened = read_bundle(bundle)
    if name is None:
        _list(screen, "table")
        return
    rows = opened.table(name)
    text = _WRITERS[form](rows)
    if out is None:
        screen.answer(text.rstrip("\n"), rows.to_dict(orient="records"))
        return
    write_file(out, text)
    screen.answer(f"table: {out}", {"table": name, "file": str(out)})


def _list(screen: Screen, kind: str) -> None:
    """List what there is, one line each."""
    from sos_eval.results.method import registered, summary

    rows = [{"name": name, "summary": summary(made)} for name, made in registered(kind).items()]
    width = max((len(row["name"]) for row in rows), default=0)
    screen.answer("\n".join(f"{row['name']:<{width}}  {row['summary']}" for row in rows), rows)


def _drawn(drawing: Any, form: str) -> bytes:
    """Return a figure as the bytes of a file."""
    if form not in ("svg", "png", "pdf"):
        raise InputFault(Fault("", f"--out: {form!r} is no figure format", "end the file in .svg, .png or .pdf"))
    stream = BytesIO()
    drawing.savefig(stream, format=form)
    return stream.getvalue()


def _markdown(rows: pd.DataFrame) -> str:
    """Write a table in Markdown."""
    cells = [[str(column) for column in rows.columns], ["---"] * rows.shape[1]]
    cells += [["" if value != value else str(value) for value in row] for row in rows.itertuples(index=False)]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in cells)


#: Format -> how a table is written in it.
_WRITERS: dict[str, Callable[[pd.DataFrame], str]] = {
    "csv": lambda rows: rows.to_csv(index=False),
    "md": _markdown,
    "tex": lambda rows: rows.to_latex(index=False, escape=True),
    "html": lambda rows: rows.to_html(index=False, border=0, na_rep=""),
}
