"""`sos-eval report`, `figure` and `table`: what report builders pull out of a bundle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sos_eval.bundle.listing import data_files_of
from sos_eval.bundle.whole import refuse_inputs
from sos_eval.cli.screen import UNMET, Screen, as_json, check_ending, not_made, pass_screen, quiet

__all__ = ["figure", "report"]

_BUNDLE = click.argument("bundle", type=click.Path(path_type=Path))
_OUT = click.option("--out", type=click.Path(path_type=Path), help="File to write.")


@click.command()
@_BUNDLE
@click.option("--format", "form", type=click.Choice(["html", "docx", "md"]), default="html", show_default=True)
@_OUT
@click.option(
    "--despite-damage", is_flag=True, help="Report a bundle whose files were cut or changed; the page says so."
)
@quiet
@as_json
@pass_screen
def report(screen: Screen, bundle: Path, form: str, out: Path | None, despite_damage: bool) -> int:
    """Write the report of a bundle or of a power study, from its folder alone.

    Exit 3 where it is written but a figure could not be made.
    """
    from sos_eval.bundle.bundle import read_bundle
    from sos_eval.report.render import reported

    if (bundle / "study.json").is_file():
        if form != "html" or out is not None or despite_damage:
            raise click.UsageError(
                "a power study has one report, report.html in its folder: leave out --format, --out, --despite-damage"
            )
        from sos_eval.report.power.page import write_power_report

        page = write_power_report(bundle)
        screen.answer(f"report: {page}", {"file": str(page)})
        return 0
    if out is not None:
        check_ending(out, form)
    opened = read_bundle(bundle, despite_damage=despite_damage)
    file, failed = reported(opened, form, out)
    unmet = [asdict(line) for line in failed]
    screen.answer("\n".join([f"report: {file}", *not_made(unmet)]), {"file": str(file), "unmet": unmet})
    return UNMET if unmet else 0


@click.command()
@_BUNDLE
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(["svg", "png", "pdf"]), help="Else from --out's ending, or svg.")
@_OUT
@quiet
@as_json
@pass_screen
def figure(screen: Screen, bundle: Path, name: str | None, form: str | None, out: Path | None) -> None:
    """Draw one figure of a bundle into a file; without a name, list the figures that it has data for."""
    from sos_eval.bundle.bundle import read_bundle
    from sos_eval.report.draw import available, save_figure

    opened = read_bundle(bundle)
    if name is None:
        _list(screen, "figure", *available(opened))
        return
    if out is None:
        out = Path(f"{name}.{form or 'svg'}")
    elif form is not None and out.suffix != f".{form}":
        raise click.UsageError(f"--format {form} and --out {out} disagree; write one of the two")
    refuse_inputs([out], data_files_of(bundle))
    file = save_figure(opened, name, out)
    screen.answer(f"figure: {file}", {"figure": name, "file": str(file)})


def _list(screen: Screen, kind: str, names: list[str], skipped: dict[str, str]) -> None:
    """List what there is, one line each, and why this bundle has not the rest."""
    from sos_eval.results.method import registered, summary

    words = {name: summary(made) for name, made in registered(kind).items()}
    width = max((len(name) for name in words), default=0)
    lines = [f"{name:<{width}}  {words[name]}" for name in names]
    lines += [f"{name:<{width}}  not here: {reason}" for name, reason in skipped.items()]
    rows = [{"name": name, "summary": words[name], "reason": skipped.get(name, "")} for name in [*names, *skipped]]
    screen.answer("\n".join(lines), rows)
