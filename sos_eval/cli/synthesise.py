"""`sos-eval synthesise`: random-effects meta-analysis of several evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet

__all__ = ["synthesise"]


@click.command()
@click.argument("sources", metavar="BUNDLE…|TABLE", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--outcome", metavar="NAME", help="Which outcome, where studies have several.")
@click.option(
    "--heterogeneity", default="reml", show_default=True, help="How the variance between studies is estimated.",
    type=click.Choice(["reml", "paule_mandel", "dersimonian_laird"]),
)  # fmt: skip
@click.option(
    "--interval", default="modified_hartung_knapp", show_default=True, help="How the mean's interval is made.",
    type=click.Choice(["modified_hartung_knapp", "hartung_knapp", "normal"]),
)  # fmt: skip
@click.option("--group", metavar="COLUMN", help="Pool within the groups of this column as well.")
@click.option("--moderator", metavar="COLUMN", help="Regress effects on this column.")
@click.option("--independent", is_flag=True, help="Bundles whose authorities are withheld share none.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables, figures and report.html.")
@click.option("--force", is_flag=True, help="Replace an existing folder.")
@quiet
@as_json
@pass_screen
def synthesise(screen: Screen, /, sources: tuple[Path, ...], out: Path | None, **options: Any) -> None:
    """Pool what several evaluations found, as far as they are independent and on one scale.

    TABLE has a row per study: study, estimate, std_error (of the log, for ratios) or conf_low and conf_high, scale
    (ratio, log or difference); cluster for studies that share authorities; outcome, and columns to group by.
    """
    from sos_eval.jobs.synthesise import run_synthesis

    answer = run_synthesis(sources, out, **options)
    shown = answer.studies[["study", "estimate", "conf_low", "conf_high", "weight"]].round(3).to_string(index=False)
    further = {"groups": answer.groups, "moderators": answer.moderators}
    asked = [table.round(3).to_string(index=False) for table in further.values() if len(table)]
    lines = [answer.verdict, answer.sentence, *answer.notes, shown, *asked, *([f"written: {out}"] if out else [])]
    tables = {"studies": answer.studies, "synthesis": answer.models, "leave_one_out": answer.without}
    tables |= {name: table for name, table in further.items() if len(table)}
    rows = {name: table.to_dict("records") for name, table in tables.items()}
    screen.answer(
        "\n".join(lines), {"sentence": answer.sentence, "verdict": answer.verdict, "notes": list(answer.notes), **rows}
    )
