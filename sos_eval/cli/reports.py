"""`sos-eval report`, `figure` and `table`: what report builders pull out of a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sos_eval.bundle.listing import data_files_of
from sos_eval.bundle.unmet import Unmet
from sos_eval.bundle.whole import refuse_existing, refuse_inputs, write_file
from sos_eval.cli.screen import UNMET, Screen, as_json, check_ending, not_made, pass_screen, quiet

if TYPE_CHECKING:
    from pandas import DataFrame

    from sos_eval.bundle.bundle import ResultBundle
    from sos_eval.report.pulled_figure import FigureOrder
    from sos_eval.report.pulled_folder import PulledFolder
    from sos_eval.report.theme_file import OwnLook

__all__ = ["figure", "own_look", "report", "table"]

_FORMATS = ["csv", "md", "tex", "html", "xlsx", "docx"]

_BUNDLE = click.argument("bundle", type=click.Path(path_type=Path))
_OUT = click.option("--out", type=click.Path(path_type=Path), help="File to write.")
_FORCE = click.option("--force", is_flag=True, help="Replace a file that is there.")


@click.command()
@_BUNDLE
@click.option("--format", "form", type=click.Choice(["html", "docx", "md"]), default="html", show_default=True)
@_OUT
@click.option("--theme", type=click.Path(path_type=Path), help="File with colours, font, logo, template, style sheet.")
@click.option("--template", type=click.Path(path_type=Path), help="A docx whose styles, margins, head and foot to use.")
@click.option(
    "--despite-damage", is_flag=True, help="Report a bundle whose files were cut or changed; the page says so."
)
@_FORCE
@quiet
@as_json
@pass_screen
def report(
    screen: Screen, bundle: Path, form: str, out: Path | None, theme: Path | None, template: Path | None,
    despite_damage: bool, force: bool,
) -> int:  # fmt: skip
    """Write the report of a bundle, a power study or a synthesis, from its folder alone.

    Without --theme a bundle's has the look that its design names (report.theme), a study's the house's.
    Pictures of a Markdown report that lies elsewhere stand beside it, in NAME.figures. A file that --out names is
    replaced with --force alone. Exit 3 where it is written but a figure could not be made.
    """
    from sos_eval.bundle.bundle import read_bundle
    from sos_eval.report.render import kept_look, reported
    from sos_eval.report.theme_file import SCHEMA, OwnLook, Theme

    if out is not None:
        check_ending(out, form)
        refuse_inputs([out], [one for one in (theme, template) if one is not None])
    elif force:
        raise click.UsageError("--force replaces the file that --out names: give --out FILE")
    if template is not None and form != "docx":
        raise click.UsageError(f"--template is a Word document's: write --format docx, not {form}")
    if (pulled := _pulled(bundle)) is not None:
        if despite_damage:
            raise click.UsageError("--despite-damage is a bundle's: make the folder again")
        own = own_look(screen, theme)
        own = own if template is None else (own or OwnLook(Theme(SCHEMA), Path())).on(template)
        page = _own_report(bundle, pulled, form, out, own, force=force)
        screen.answer(f"report: {page}", {"file": str(page)})
        return 0
    opened = read_bundle(bundle, despite_damage=despite_damage)
    own = own_look(screen, theme)
    if template is not None:
        own = (own or kept_look(opened) or OwnLook(Theme(SCHEMA), Path())).on(template)
    file, failed = reported(opened, form, out, own, force=force)
    unmet = [asdict(line) for line in failed]
    screen.answer("\n".join([f"report: {file}", *not_made(unmet)]), {"file": str(file), "unmet": unmet})
    return UNMET if unmet else 0


def _pulled(folder: Path) -> PulledFolder | None:
    """Open a power study or a synthesis; None where it is neither."""
    if (folder / "study.json").is_file():
        from sos_eval.report.power.page import pulled_study
        from sos_eval.report.power.reading import read_power

        return pulled_study(read_power(folder))
    if (folder / "synthesis.json").is_file():
        from sos_eval.report.synthesis_page import pulled_synthesis, read_synthesis

        return pulled_synthesis(read_synthesis(folder))
    return None


def _own_report(
    folder: Path, pulled: PulledFolder, form: str, out: Path | None, own: OwnLook | None, *, force: bool
) -> Path:
    """Write the report of a folder that is no bundle; a power study's own page with its figures and their data."""
    if form == "html" and out is None and (folder / "study.json").is_file():
        from sos_eval.report.power.page import write_power_report

        return write_power_report(folder, own)
    return pulled.save_report(form, out, own, force=force)


@click.command()
@_BUNDLE
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(["svg", "png", "pdf"]), help="Else from --out's ending, or svg.")
@click.option("--size", help="page, half, slide, or inches: 13.33x7.5. Text and wrapping are laid out anew.")
@click.option("--theme", type=click.Path(path_type=Path), help="File with colours, font, sizes and logo.")
@click.option("--all", "every", is_flag=True, help="Every figure and a contact sheet into the folder that --out names.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write, or the folder for --all.")
@_FORCE
@quiet
@as_json
@pass_screen
def figure(
    screen: Screen, bundle: Path, name: str | None, form: str | None, size: str | None, theme: Path | None,
    every: bool, out: Path | None, force: bool,
) -> int:  # fmt: skip
    """Draw one figure of a bundle, a power study, a synthesis or an economic evaluation; without a name, list them.

    Exit 3 where --all leaves out a figure that has no room at the size.
    """
    from sos_eval.report.draw import available, save_figure
    from sos_eval.report.economics_page import read_drawable

    if force and (every or name is None):
        raise click.UsageError("--force replaces a figure's file: give the figure's name, and no --all")
    if (pulled := _pulled(bundle)) is not None:
        return _own_figure(screen, pulled, name, form, size, theme, every=every, out=out, force=force)
    opened = read_drawable(bundle)
    if every:
        return _every_figure(screen, opened, name, form or "svg", _order(screen, opened, size, theme), out)
    if name is None:
        if size is not None or theme is not None:
            raise click.UsageError("--size and --theme need the name of a figure, or --all")
        _list(screen, "figure", *available(opened))
        return 0
    out = _figure_file(name, form, out, [*data_files_of(bundle), *([theme] if theme is not None else [])], force=force)
    file = save_figure(opened, name, out, _order(screen, opened, size, theme))
    screen.answer(f"figure: {file}", {"figure": name, "file": str(file)})
    return 0


def _figure_file(name: str, form: str | None, out: Path | None, read: list[Path], *, force: bool) -> Path:
    """Return the file that a figure goes to: none that is read, and none that is there unless asked."""
    if out is None:
        out = Path(f"{name}.{form or 'svg'}")
    elif form is not None and out.suffix != f".{form}":
        raise click.UsageError(f"--format {form} and --out {out} disagree; write one of the two")
    refuse_inputs([out], read)
    refuse_existing(out, force=force)
    return out


def _own_figure(
    screen: Screen, pulled: PulledFolder, name: str | None, form: str | None, size: str | None, theme: Path | None, *,
    every: bool, out: Path | None, force: bool,
) -> int:  # fmt: skip
    """Draw one figure of a folder that is no bundle, or list those with data."""
    if every:
        if name is not None or out is None:
            raise click.UsageError("--all draws every figure: give --out FOLDER, and no name")
        _refuse_full(out)
        files, left_out = pulled.every_figure(form or "svg", _order(screen, None, size, theme))
        return _written(screen, out, form or "svg", files, [Unmet("figure", *one) for one in left_out.items()])
    if name is None:
        if size is not None or theme is not None:
            raise click.UsageError("--size and --theme need the name of a figure")
        _listed(screen, *pulled.available())
        return 0
    read = [*pulled.path.glob("*.csv"), *([theme] if theme is not None else [])]
    out = _figure_file(name, form, out, read, force=force)
    file = pulled.save_figure(name, out, _order(screen, None, size, theme))
    screen.answer(f"figure: {file}", {"figure": name, "file": str(file)})
    return 0


def _order(screen: Screen, bundle: ResultBundle | None, size: str | None, theme: Path | None) -> FigureOrder:
    """Read how figures are wanted; without a theme they have the look that a bundle keeps."""
    from sos_eval.report.figure_look import read_size
    from sos_eval.report.pulled_figure import FigureOrder
    from sos_eval.report.render import kept_look

    wanted = None if size is None else read_size(size)
    kept = None if bundle is None else kept_look(bundle)
    return FigureOrder(wanted, own_look(screen, theme) or kept)


def own_look(screen: Screen, theme: Path | None) -> OwnLook | None:
    """Read a theme, and say what of it cannot be read by many."""
    from sos_eval.report.theme_file import read_theme

    if theme is None:
        return None
    own = read_theme(theme)
    for line in own.theme.unreadable:
        screen.note(f"{theme}: {line}")
    return own


def _every_figure(
    screen: Screen, bundle: ResultBundle, name: str | None, form: str, order: FigureOrder, out: Path | None
) -> int:
    """Write every figure with its data, and the contact sheet, into a new folder."""
    from sos_eval.report.contact_sheet import every_figure

    if name is not None or out is None:
        raise click.UsageError("--all draws every figure: give --out FOLDER, and no name")
    _refuse_full(out)
    return _written(screen, out, form, *every_figure(bundle, order, form))


def _refuse_full(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise click.UsageError(f"--out {out}: there already and not empty; name a new folder")


def _written(screen: Screen, out: Path, form: str, files: Mapping[str, bytes | str], failed: Sequence[Unmet]) -> int:
    """Write figures into a new folder, and say which were left out."""
    out.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        write_file(out / file, content)
    names = [
        file.removesuffix(f".{form}")
        for file in files
        if file.endswith(f".{form}") and not file.startswith("contact_sheet")
    ]
    unmet = [asdict(line) for line in failed]
    said = "\n".join([f"{len(names)} figures: {out}", *(f"left out: {line.why}" for line in failed)])
    screen.answer(said, {"figures": names, "folder": str(out), "unmet": unmet})
    return UNMET if unmet else 0


@click.command()
@_BUNDLE
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Else from --out's ending, or csv.")
@click.option("--columns", help="Columns to keep, in this order: estimator,estimate,p_value.")
@click.option("--digits", type=click.IntRange(1, 17), help="Significant digits; else all in csv and xlsx, 3 elsewhere.")
@click.option("--all", "every", is_flag=True, help="Write every table into the folder that --out names.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write, or the folder for --all.")
@_FORCE
@quiet
@as_json
@pass_screen
def table(
    screen: Screen, bundle: Path, name: str | None, form: str | None, columns: str | None, digits: int | None,
    every: bool, out: Path | None, force: bool,
) -> None:  # fmt: skip
    """Print a table, or write it to a file; without a name, list the tables.

    Of a run, a power study or an economic evaluation. A workbook (xlsx) or a Word document (docx) needs --out.
    """
    from sos_eval.report.named_tables import named_tables
    from sos_eval.report.published import PUBLICATION
    from sos_eval.report.table_files import FormattedTable, columns_of

    if force and (every or out is None):
        raise click.UsageError("--force replaces the file that --out names: give --out FILE, and no --all")
    pulled = named_tables(bundle)

    def laid_out(each: str, kind: str, kept: list[str] | None) -> DataFrame:
        """Return a table with the columns that are kept; in a format for readers as it is published."""
        rows = pulled.table(each)
        rows = rows if kept is None else columns_of(rows, kept, f"table {each}")
        return pulled.printed(each, rows, chosen=kept is not None) if kind in PUBLICATION else rows

    if every:
        if name is not None or columns is not None or out is None:
            raise click.UsageError("--all writes every table whole: give --out FOLDER, and no name and no --columns")
        kind = form or "csv"
        files = {out / f"{each}.{kind}": each for each in pulled.makers}
        refuse_inputs(list(files), data_files_of(bundle))
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise click.UsageError(f"--out {out}: there already and not empty; name a new folder")
        written = {
            file: FormattedTable(each, laid_out(each, kind, None), pulled.notes.get(each, ()), digits).written(kind)
            for file, each in files.items()
        }
        out.mkdir(parents=True, exist_ok=True)
        for file, content in written.items():
            write_file(file, content)
        screen.answer(f"{len(files)} tables: {out}", {"tables": list(pulled.makers), "folder": str(out)})
        return
    if name is None and (columns is not None or digits is not None):
        raise click.UsageError("--columns and --digits are of one table: name it (without a name they are listed)")
    if name is None:
        _listed(screen, pulled.summaries, pulled.skipped)
        return
    kind = _form(form, out)
    rows = laid_out(name, kind, None if columns is None else [column.strip() for column in columns.split(",")])
    if digits is not None and not any(rows[one].dtype.kind in "fi" for one in rows):
        raise click.UsageError(f"--digits: {name} holds no numbers, its cells are written out; leave it out")
    content = FormattedTable(name, rows, pulled.notes.get(name, ()), digits).written(kind)
    if out is not None:
        refuse_inputs([out], data_files_of(bundle))
        refuse_existing(out, force=force)
        write_file(out, content)
        screen.answer(f"table: {out}", {"table": name, "file": str(out)})
    elif isinstance(content, bytes):
        raise click.UsageError(f"{kind} is no text: give --out {name}.{kind}")
    else:
        screen.answer(content.rstrip("\n"), rows.to_dict(orient="records"))


def _form(form: str | None, out: Path | None) -> str:
    """Return the format that is asked for: by name, by the file's ending, or csv on the screen."""
    ending = out.suffix.lower().removeprefix(".") if out is not None else form or "csv"
    if out is not None and ending not in _FORMATS:
        raise click.UsageError(f"--out {out}: ends in none of {', '.join(f'.{one}' for one in _FORMATS)}")
    if form is not None and form != ending:
        raise click.UsageError(f"--format {form} and --out {out} disagree; write one of the two")
    return ending


def _list(screen: Screen, kind: str, names: list[str], skipped: dict[str, str]) -> None:
    """List what there is of a registered kind, and why this bundle has not the rest."""
    from sos_eval.results.method import registered, summary

    words = {name: summary(made) for name, made in registered(kind).items()}
    _listed(screen, {name: words[name] for name in names}, skipped)


def _listed(screen: Screen, words: Mapping[str, str], skipped: Mapping[str, str]) -> None:
    """List what there is, one line each, and why this folder has not the rest."""
    width = max(map(len, (*words, *skipped)), default=0)
    lines = [f"{name:<{width}}  {text}" for name, text in words.items()]
    lines += [f"{name:<{width}}  not here: {reason}" for name, reason in skipped.items()]
    rows = [
        {"name": name, "summary": words.get(name, ""), "reason": skipped.get(name, "")} for name in [*words, *skipped]
    ]
    screen.answer("\n".join(lines), rows)
