"""`sos-eval economics`: an economic evaluation from a bundle or from PSA samples, or the gate's verdict alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sos_eval.cli.screen import UNMET, Screen, as_json, not_made, pass_screen, quiet, seed

if TYPE_CHECKING:
    from sos_eval.economics.gate.verdict import Verdict

__all__ = ["economics"]


@click.command()
@click.argument("source", metavar="[BUNDLE|CONFIG]", required=False, type=click.Path(path_type=Path))
@click.option("--gate", "dossier", type=click.Path(path_type=Path), help="Judge a dossier (JSON) and nothing else.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write; default reports/NAME, or economics-again in the bundle.",
)
@click.option("--force", is_flag=True, help="Replace an existing folder.")
@click.option("--theme", type=click.Path(path_type=Path), help="File with colours, font, sizes, logo, style sheet.")
@seed
@quiet
@as_json
@pass_screen
def economics(
    screen: Screen, source: Path | None, dossier: Path | None, out: Path | None, force: bool, theme: Path | None,
    seed: int | None,
) -> int:  # fmt: skip
    """Evaluate costs and effects, as far as the evidence allows.

    Without --theme a bundle's economics has the look that the bundle keeps.
    Exit 3 where all is written but a figure could not be made.
    """
    if (source is None) == (dossier is None):
        raise click.UsageError("name a bundle or a declaration (x.yaml), or a dossier with --gate: one of them")
    if dossier is not None:
        if theme is not None:
            raise click.UsageError("--theme is for a page, and --gate writes none")
        _judge(screen, dossier)
        return 0
    assert source is not None
    return _evaluate(screen, source, out, force, seed, theme)


def _judge(screen: Screen, dossier: Path) -> None:
    """Print the gate's verdict on a dossier."""
    from sos_eval.economics.gate.dossier import read_dossier
    from sos_eval.economics.gate.verdict import judge

    verdict = judge(read_dossier(dossier))
    screen.answer(verdict_text(verdict), verdict.to_dict())


def _evaluate(screen: Screen, source: Path, out: Path | None, force: bool, seed: int | None, theme: Path | None) -> int:
    """Run the economics job and say what it wrote."""
    from sos_eval.cli.reports import own_look
    from sos_eval.jobs.economics import run_economics

    done = run_economics(source, out, force=force, seed=seed, own=own_look(screen, theme))
    text = [*([done.watermark] if done.watermark else []), done.finding, "", verdict_text(done.verdict, done.allowed)]
    text += ["", done.outside] if done.outside else []
    unmet = [asdict(line) for line in done.unmet]
    text += [f"written: {done.folder}", *not_made(unmet)]
    answer = {
        "folder": str(done.folder),
        "finding": done.finding,
        "watermark": done.watermark or None,
        "gate": done.verdict.to_dict(),
    }
    screen.answer("\n".join(text), answer | {"unmet": unmet})
    return UNMET if unmet else 0


def verdict_text(verdict: Verdict, allowed: str = "") -> str:
    """Say a verdict in lines for a person; `allowed` in place of the rule's own words for the tier."""
    from sos_eval.economics.gate.dossier import gate_rule

    lines = [f"{verdict.tier}: {allowed or gate_rule()['tiers'][verdict.tier]}", ""]
    for name, tier in verdict.criteria.items():
        mark = " (binding)" if name in verdict.binding else ""
        lines.append(f"  {name:>3} {tier}  {verdict.evidence[name]['name']}{mark}")
        lines += [f"          {note}" for note in verdict.evidence[name]["notes"]]
    if verdict.binding:
        lines += ["", "What would lift it:"]
        lines += [f"  {name}: {text}" for name, text in verdict.lift.items()]
    return "\n".join(lines)
