"""`sos-eval panel describe` and `diff`: what a panel holds and lacks, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet
from sos_eval.errors import listed
from sos_eval.panel.read.columns import many

__all__ = ["describe", "diff"]

#: How many lines of a kind are printed; `--json` and `--out` hold all.
_SHOWN = 15

_key = click.option("--key", multiple=True, metavar="COLUMN", help="Twice: the column of units, that of periods.")


C = TypeVar("C", bound=Callable[..., Any])


def _profile(words: str) -> Callable[[C], C]:
    return click.option("--profile", type=click.Choice(["open", "dfe", "ons_srs"]), help=words)


@click.command()
@click.argument("panel", type=click.Path(path_type=Path))
@_key
@_profile("What may be told; without it open for a panel, dfe for returns.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables, a figure per series and a page.")
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def describe(
    screen: Screen, panel: Path, key: tuple[str, ...], profile: str | None, out: Path | None, force: bool
) -> None:
    """Say what a panel holds and lacks: rows, units, periods, gaps, symbols, ranges, outliers, breaks.

    PANEL is a file with a row per unit and period, or a folder of SSDA903 returns laid out as
    AUTHORITY/YEAR/episodes.csv. Under a profile small counts are masked before anything is told.
    """
    from sos_eval.jobs.inventory import describe_panel, describe_returns
    from sos_eval.panel.disclosure import Disclosure

    returns = panel.is_dir()
    if returns and key:
        raise click.UsageError("--key is for a file: returns are described by authority and year")
    disclosure = Disclosure(profile=cast(Any, profile or ("dfe" if returns else "open")))
    facts = (
        describe_returns(panel, disclosure, out, force=force)
        if returns
        else describe_panel(panel, key, disclosure, out, force=force)
    )
    told = [*_told(facts), *([f"report: {out / 'report.html'}"] if out is not None else [])]
    screen.answer("\n".join(told), facts)


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@_key
@_profile("What may be told; open without it.")
@click.option("--out", type=click.Path(path_type=Path), help="CSV file with every difference.")
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def diff(
    screen: Screen, before: Path, after: Path, key: tuple[str, ...], profile: str | None, out: Path | None, force: bool
) -> None:  # fmt: skip
    """Say in what two vintages of a panel differ: changed cells, and units and periods that came or went."""
    from sos_eval.jobs.inventory import compare_panels
    from sos_eval.panel.disclosure import Disclosure

    changes = compare_panels(before, after, key, Disclosure(profile=cast(Any, profile or "open")), out, force=force)
    counts = changes.counted()
    data = {
        "before": str(before), "after": str(after), "cells_compared": changes.compared, "counted": counts,
        "withheld": list(changes.withheld),
        "differences": changes.table.to_dict("records"), **({"out": str(out)} if out else {}),
    }  # fmt: skip
    told = [", ".join(f"{what}: {n:,}" for what, n in counts.items()) or "no difference"]
    told[0] += f" ({changes.compared:,} cells compared)"
    told += [f"withheld, not compared: {listed(changes.withheld)}"] if changes.withheld else []
    told += _rows([list(changes.table.columns), *changes.table.head(_SHOWN).to_numpy().tolist()]) if counts else []
    told += [f"… {len(changes.table) - _SHOWN:,} more"] if len(changes.table) > _SHOWN else []
    screen.answer("\n".join([*told, *([f"out: {out}"] if out else [])]), data)


def _told(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the description line by line."""
    periods = facts["periods"]
    yield f"{facts['file']}: {facts['rows']:,} rows, {facts['units']:,} units ({facts['key'][0]})"
    yield f"{len(periods)} periods ({facts['key'][1]}): {periods[0]} to {periods[-1]}" + (
        f"; none of {listed(facts['periods_missing'])}" if facts["periods_missing"] else ""
    )
    if facts["profile"] != "open":
        yield f"profile {facts['profile']}: {facts['masked']:,} small counts masked, others rounded"
    yield from _places(facts)
    yield from _columns(facts["columns"])
    yield from _section("breaks", [_break(fact) for fact in facts["breaks"]])
    yield from _section("far from their unit's own level", [_far(fact) for fact in facts["outliers"]])
    yield from _section("rules that episodes break", [_rule(fact) for fact in facts.get("rules_broken", ())])


def _places(facts: dict[str, Any]) -> Iterator[str]:
    twice = [f"{fact['unit']} in {fact['period']}" for fact in facts["doubled"]]
    yield from _section("several rows of a unit and period", twice)
    yield from _section("gaps", [f"{fact['unit']}: no {listed(fact['periods'])}" for fact in facts["gaps"]])
    ends = [f"{fact['unit']}: {fact['first']} to {fact['last']}" for fact in facts["come_and_gone"]]
    yield from _section("units not there throughout", ends)


def _columns(columns: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not columns:
        return
    yield "columns:"
    head = ["", "filled", "missing", "symbols", "lowest", "median", "highest", ""]
    yield from (f"  {line}" for line in _rows([head, *map(_column, columns)]))


def _column(facts: dict[str, Any]) -> list[str]:
    numbers = [f"{facts[name]:,.10g}" if name in facts else "" for name in ("min", "median", "max")]
    flags = " ".join(f"{symbol}:{n}" for symbol, n in facts["flags"].items())
    words = [f"{facts['first']} to {facts['last']} only"] if "first" in facts else []
    words += ["withheld"] if facts.get("withheld") else []
    words += [many(facts["zeros"], "zero")] if facts.get("zeros") else []
    if facts.get("distinct"):
        words.append(listed(list(facts["levels"]), 3) if facts["levels"] else f"{facts['distinct']} distinct")
    return [facts["name"], f"{facts['filled']:,}", f"{facts['missing']:,}", flags, *numbers, "; ".join(words)]


def _break(fact: dict[str, Any]) -> str:
    where = f"{fact['column']} from {fact['period']}"
    if fact["kind"] == "jump":
        return f"{where}: the median unit moves by {fact['median_change_percent']:+.1f}%"
    names = f" ({listed(fact['names'], 5)})" if "names" in fact else ""
    return f"{where}: {listed(fact['before'], 3)} -> {listed(fact['after'], 3)}, {many(fact['units'], 'unit')}{names}"


def _far(fact: dict[str, Any]) -> str:
    far = f"{fact['value']:,.6g}, usually {fact['usual']:,.6g}"
    return f"{fact['column']} of {fact['unit']} in {fact['period']}: {far} ({fact['distance']:g} spreads away)"


def _rule(fact: dict[str, Any]) -> str:
    episodes = "few" if fact["episodes"] is None else f"{fact['episodes']:,.0f}"
    return f"{fact['rule']}, {fact['la_code']} {fact['year_of_return']}: {episodes} episodes, {fact['policy']}"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}: {len(lines):,}"
        yield from (f"  {line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"  … {len(lines) - _SHOWN:,} more (--json)"


def _rows(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lay cells out under one another."""
    words = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in words]
