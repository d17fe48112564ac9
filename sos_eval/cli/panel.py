"""`sos-eval panel`: care panels, of which the published one of England ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from sos_eval.cli.doors import Doors
from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet
from sos_eval.errors import listed
from sos_eval.panel.spec import Geography

__all__ = ["COMMANDS", "NOT_IN_THIS_VERSION", "cin", "dfe", "england", "join", "panel", "ssda903"]

COMMANDS = {
    "england": ("sos_eval.cli.panel:england", "write the published care-entry panel of English authorities"),
    "dfe": ("sos_eval.cli.panel:dfe", "build a panel from the tables that the DfE and the ONS publish"),
    "ssda903": ("sos_eval.cli.panel:ssda903", "build a panel from SSDA903 returns"),
    "cin": ("sos_eval.cli.panel:cin", "build a panel from CIN census returns"),
    "join": ("sos_eval.cli.panel:join", "join what `ssda903 --piece` let out of several authorities"),
    "describe": ("sos_eval.cli.inventory:describe", "say what a panel holds and lacks"),
    "diff": ("sos_eval.cli.inventory:diff", "compare two vintages of a panel"),
}

#: Options of the commands that count returns.
_AUTHORITY = click.option("--authority", help="Whose returns these are, where folders do not say so (AUTHORITY/YEAR/).")
_YEAR = click.option(
    "--year", type=click.IntRange(1992, 2100), help="Year of the return by its end: 2019 is to March 2019."
)
_POLICY = click.option(
    "--policy", "policies", multiple=True, metavar="RULE=keep|exclude", help="Of a rule; may be given again."
)
_PROFILE = click.option(
    "--profile", type=click.Choice(["open", "dfe", "ons_srs"]), default="dfe", show_default=True,
    help="What may leave; open writes exact counts, for use inside.",
)  # fmt: skip

#: Commands of the contract whose room is not built yet.
NOT_IN_THIS_VERSION: dict[str, str] = {}


@click.command(cls=Doors, doors=COMMANDS, absent=NOT_IN_THIS_VERSION)
def panel() -> None:
    """Build, describe and compare care panels."""


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file; sources and register go beside.")
@click.option(
    "--geography",
    type=click.Choice(["constant", "as_published"]),
    default="constant",
    show_default=True,
    help="148 areas, the same in all years, or the authorities of each year.",
)
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def england(screen: Screen, out: Path, geography: str, force: bool) -> None:
    """Write the published panel of England, years to March 2011 to 2025, as CSV.

    P.sources.md beside it says what the columns mean, where they come from and under which licence; P.programmes.csv
    says which authority took part in which programme. A design reads the same panel with `source: england`.
    """
    from sos_eval.jobs.published import write_published

    files = write_published(out, cast(Geography, geography), force=force)
    named = dict(zip(("panel", "sources", "programmes"), map(str, files), strict=True))
    screen.answer("\n".join(f"{name}: {file}" for name, file in named.items()), named)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file; vintages and files go beside.")
@click.option("--as-of", type=click.IntRange(1992, 2100), help="The last release that counts; all without it.")
@click.option(
    "--largest-suppressed", type=click.IntRange(1, 1000),
    help="Largest count that is ever suppressed, where you know it; else what published totals leave.",
)  # fmt: skip
@click.option(
    "--geography", type=click.Choice(["as_published", "constant"]), default="as_published", show_default=True,
    help="Authorities of each year; constant adds those up that were split or merged since 2011.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def dfe(
    screen: Screen,
    files: tuple[Path, ...],
    out: Path,
    as_of: int | None,
    largest_suppressed: int | None,
    geography: str,
    force: bool,
) -> None:
    """Build a panel of authorities and years to March from published tables.

    FILES are CSV files as they were published, or folders of them: underlying data 2011 to 2019, explore education
    statistics, the interactive tool's long file, ONS populations, deprivation, Ofsted's judgements.
    P.vintages.csv holds every published cell with its release; P.files.csv the files. Columns ..._low and ..._high say
    between what a suppressed count lies; the check suppression_bounds reads them.
    """
    from sos_eval.jobs.dfe import write_dfe

    wanted = cast(Geography, geography)
    facts = write_dfe(files, out, as_of=as_of, most=largest_suppressed, geography=wanted, force=force)
    told = [f"{name}: {facts[name]}" for name in ("panel", "vintages", "files")]
    told += [f"neighbours: {facts['neighbours']}, of {facts['neighbours_release']}"] if facts["neighbours"] else []
    told.append(f"{facts['rows']:,} rows, years to March {facts['first']} to {facts['last']}, of {facts['read']} files")
    told += [f"{name}, not read: {listed(left, 6)}" for name, left in facts["not_read"].items()]
    told += [f"{name}, without its {listed(gone, 6)}" for name, gone in facts["lacking"].items()]
    told += [f"{name} labels its column {was}: taken for {is_of}" for name, (was, is_of) in facts["relabelled"].items()]
    for key, words in (
        ("left", "no known table, left"),
        ("not_there", "not there in that year, left out"),
        ("not_whole", "a part of it is not in these files, nothing added up"),
    ):
        told += [f"{words}: {listed(facts[key])}"] if facts[key] else []
    screen.answer("\n".join(told), facts)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="CSV file; P.validation.csv goes beside.")
@click.option("--piece", type=click.Path(path_type=Path), help="JSON file of one authority, for `panel join`.")
@_AUTHORITY
@_YEAR
@click.option("--since", type=click.IntRange(1992, 2100), help="First year whose episodes the files hold in full.")
@click.option("--period", type=click.Choice(["year", "quarter", "month"]), default="year", show_default=True)
@click.option(
    "--window", "windows", type=click.IntRange(1, 240), multiple=True, default=(12,), show_default=True,
    help="Months after an end of care in which a start is a re-entry; may be given again.",
)  # fmt: skip
@_POLICY
@_PROFILE
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def ssda903(
    screen: Screen, files: tuple[Path, ...], out: Path | None, piece: Path | None, authority: str | None,
    year: int | None, since: int | None, period: str, windows: tuple[int, ...], policies: tuple[str, ...],
    profile: str, force: bool,
) -> None:  # fmt: skip
    """Build a panel of authorities and periods from SSDA903 returns, CSV or XML, of any number of years.

    FILES are files, or folders laid out as AUTHORITY/YEAR/episodes.csv. Nothing of a single child is written or
    printed. P.validation.csv counts the episodes that break each rule, and says what was done about them. With
    --piece the masked counts of one authority are written instead, so that no record of a child has to leave it.
    """
    from sos_eval.jobs.pieces import write_piece
    from sos_eval.jobs.returns import ReturnsAsked, write_returns
    from sos_eval.panel.disclosure import Disclosure

    if (out is None) == (piece is None):
        raise click.UsageError("give --out P.csv, or --piece PIECE.json")
    declared = dict(policy.partition("=")[::2] for policy in policies)
    asked = ReturnsAsked(files, authority, year, since, cast(Any, period), sorted(set(windows)), declared)
    disclosure = Disclosure(profile=cast(Any, profile))
    if piece is not None:
        written, hidden, broken = write_piece(asked, piece, disclosure, force=force)
        data = {"piece": str(written)}
    elif out is not None:
        panel_file, report, hidden, broken = write_returns(asked, out, disclosure, force=force)
        data = {"panel": str(panel_file), "validation": str(report)}
    _answer_of_returns(screen, {**data, "masked": hidden, "profile": profile}, broken, "episodes")


def _answer_of_returns(screen: Screen, facts: dict[str, Any], broken: Any, counted: str) -> None:
    """Say what was written, and how much breaks each rule."""
    from sos_eval.panel.care.emptied import said_of_rules

    told = [f"{name}: {value}" for name, value in facts.items()]
    screen.answer("\n".join([*told, *said_of_rules(broken, counted)]), {**facts, **broken})


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file; P.validation.csv goes beside.")
@_AUTHORITY
@_YEAR
@_POLICY
@_PROFILE
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def cin(
    screen: Screen, files: tuple[Path, ...], out: Path, authority: str | None, year: int | None,
    policies: tuple[str, ...], profile: str, force: bool,
) -> None:  # fmt: skip
    """Build a panel of authorities and years to March from CIN census returns, XML or CSV.

    FILES are files, or folders laid out as AUTHORITY/YEAR/. Counted are referrals, re-referrals within 12 months,
    assessments, section 47 enquiries, initial conferences and plans started. Nothing of a single child is written or
    printed. P.validation.csv counts the events that break each rule, and says what was done about them.
    """
    from sos_eval.jobs.census import write_census
    from sos_eval.panel.disclosure import Disclosure

    declared = dict(policy.partition("=")[::2] for policy in policies)
    disclosure = Disclosure(profile=cast(Any, profile))
    panel_file, report, hidden, broken = write_census(
        files, out, disclosure, authority=authority, year=year, policies=declared, force=force
    )
    data = {"panel": str(panel_file), "validation": str(report), "masked": hidden, "profile": profile}
    _answer_of_returns(screen, data, broken, "events")


@click.command()
@click.argument("pieces", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file; P.validation.csv goes beside.")
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def join(screen: Screen, pieces: tuple[Path, ...], out: Path, force: bool) -> None:
    """Join the pieces of several authorities, as `panel ssda903 --piece` wrote them, to one panel.

    Pieces that were made in different ways, or hold a count that their profile does not let out, are refused.
    """
    from sos_eval.jobs.pieces import join_pieces

    panel_file, report, n = join_pieces(pieces, out, force=force)
    data = {"panel": str(panel_file), "validation": str(report), "authorities": n}
    screen.answer("\n".join(f"{name}: {value}" for name, value in data.items()), data)
