"""Hostile folders and places: bundles and studies that were cut, and outputs that would write over something."""

# ruff: noqa: E501  a case is a line

from __future__ import annotations

import atexit
import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.cli import bad_power
from tests.hostile import cases as small
from tests.hostile.cases import Hostile, Make, write

DESIGN = (
    small.DESIGN
    + """\
economics:
  frame: {perspective: public_sector, price_year: 2024-25, currency: GBP, horizon: 5, comparator: Usual practice, population: 60000, why: a check}
  discount: {costs: green_book_2003, effects: green_book_2003, why: a check}
  strategies: [{name: Usual practice, effect: 0, programme: 0}, {name: Programme}]
  effect: {baseline: 29, baseline_se: 0.3, baseline_source: a check, persistence: 3, decay: 0.5}
  costs: [{name: training, amount: 26000, se: 500, unit: case, bearer: health, price_year: 2023-24, grade: B, source: a check}]
  thresholds: {from: 0, to: 10000, step: 5000}
  psa: {draws: 200}
"""
)

Damage = Callable[[Path], object]


@cache
def made(kind: str) -> Path:
    """Make a bundle, a power study, an economic evaluation or a synthesis once a process."""
    folder = Path(mkdtemp(prefix="hostile-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    small.data().to_csv(folder / "panel.csv", index=False)
    write(folder, {"design.yaml": DESIGN if kind == "b" else bad_power.DESIGN, "world.yaml": bad_power.WORLD})
    write(folder, {"economics.yaml": small.ECONOMICS, **small.DRAWS, "studies.csv": small.STUDIES["identical"]})
    command = {
        "b": ("run", "design.yaml", "--out", "b", "--workers", "1"),
        "p": ("power", "design.yaml", "--world", "world.yaml", "--reps", "4", "--out", "p", "--workers", "1"),
        "e": ("economics", "economics.yaml", "--out", "e"),
        "s": ("synthesise", "studies.csv", "--out", "s"),
    }[kind]
    outcome = small.run(list(command), folder)
    if outcome.code != 0:
        raise AssertionError(outcome.said)
    return folder / kind


def within(kind: str, change: Damage) -> Make:
    """Copy the folder and change it."""

    def make(folder: Path) -> None:
        shutil.copytree(made(kind), folder / kind)
        change(folder / kind)

    return make


def half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


DAMAGES: dict[str, Damage] = {
    "cut in half": half,
    "one bit changed": changed,
    "gone": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "a list": lambda file: file.write_text("[1, 2]\n"),
    "nesting of 100000": lambda file: file.write_text("[" * 100_000),
    "infinite": lambda file: file.write_text(file.read_text().replace(",0.95,", ",inf,")),
}
BUNDLE = (
    "design.yaml", "estimates.csv", "balance.csv", "weights.csv", "flow.csv", "diagnostics.csv", "tests.csv", "headline.json",
    "provenance.json", "results.json", "files.json", "log.txt", "tables/adoption.csv", "tables/outcome_paths.csv",
)  # fmt: skip
STUDY = (
    "study.json",
    "power.csv",
    "mdes.csv",
    "failures.csv",
    "explain.csv",
    "sample.csv",
    "sentences.txt",
    "files.json",
)
READERS = (("report", "b"), ("figure", "b", "estimates"), ("table", "b", "effects"), ("economics", "b", "--out", "o"), ("figure", "b"))  # fmt: skip
PLAIN = ("cut in half", "one bit changed", "gone", "empty")
DESPITE = ("cut in half", "gone", "a list", "nesting of 100000")


def damaged() -> Iterator[Hostile]:
    """Yield every file of a bundle, damaged in every way, before one of the commands that read it."""
    turn = 0
    for file in BUNDLE:
        for damage in PLAIN:
            command, turn = READERS[turn % len(READERS)], turn + 1
            yield Hostile(f"bundle {file} {damage}: {' '.join(command[:2])}", bundle(file, damage), command)
        for damage in DESPITE:
            yield Hostile(f"bundle {file} {damage}, despite", bundle(file, damage), ("report", "b", "--despite-damage"))
    yield Hostile("bundle estimates.csv infinite", bundle("estimates.csv", "infinite"), ("table", "b", "effects"))
    for file in STUDY:
        for damage in PLAIN:
            make = within("p", lambda folder, file=file, damage=damage: DAMAGES[damage](folder / file))
            yield Hostile(f"study {file} {damage}", make, ("report", "p"))
    for kind, file, command in (("e", "incremental.csv", "table"), ("e", "psa.csv", "figure"), ("e", "gate.json", "report"),
                                ("e", "files.json", "table"), ("s", "synthesis.csv", "table"), ("s", "synthesis.json", "table")):  # fmt: skip
        for damage in PLAIN:
            make = within(kind, lambda folder, file=file, damage=damage: DAMAGES[damage](folder / file))
            yield Hostile(f"{'evaluation' if kind == 'e' else 'synthesis'} {file} {damage}", make, (command, kind))


def bundle(file: str, damage: str) -> Make:
    return within("b", lambda folder: DAMAGES[damage](folder / file))


def others(folder: Path) -> None:
    """Make a bundle, links, a pipe, and files of the user's."""
    import os

    shutil.copytree(made("b"), folder / "b")
    write(folder, {"mine.txt": "mine", "mine.csv": "mine", "w.csv": small.WORLD})
    for name in ("link.csv", "link.html", "link.svg", "link.md"):
        (folder / name).symlink_to(folder / "mine.txt")
    (folder / "linked").symlink_to(folder / "b")
    os.mkfifo(folder / "pipe.csv")
    shutil.copytree(folder / "b", folder / "theirs")
    write(folder / "theirs", {"notes.docx": "mine"})
    (folder / "b2.html").mkdir()


def also(*texts: tuple[str, str | bytes]) -> Make:
    return lambda folder: (others(folder), write(folder, dict(texts)))[0]


#: Outputs that would write over something, options that are wrong, and orders that are right.
PLACES: dict[str, tuple[str, ...]] = {
    "run into a link": ("run", "design.yaml", "--out", "linked", "--force"),
    "run over a bundle": ("run", "design.yaml", "--out", "b"),
    "run over a bundle with force": ("run", "design.yaml", "--out", "b", "--force"),
    "run over a bundle with the user's file": ("run", "design.yaml", "--out", "theirs", "--force"),
    "run below a file": ("run", "design.yaml", "--out", "mine.txt/b"),
    "run into a device": ("run", "design.yaml", "--out", "/dev/null"),
    "run into a kernel's folder": ("run", "design.yaml", "--out", "/proc/b"),
    "run into a name too long": ("run", "design.yaml", "--out", "b" * 300),
    "run into nothing": ("run", "design.yaml", "--out", ""),
    "run with no workers": ("run", "design.yaml", "--workers", "0"),
    "run with an option that is none": ("run", "design.yaml", "--fast"),
    "report into a link": ("report", "b", "--out", "link.html"),
    "report into a folder": ("report", "b", "--out", "b2.html"),
    "report under another ending": ("report", "b", "--out", "mine.txt"),
    "report into no folder": ("report", "b", "--out", "none/r.html"),
    "report in Word": ("report", "b", "--format", "docx"),
    "report in no format": ("report", "b", "--format", "xls"),
    "report of a file": ("report", "mine.txt"),
    "report of a missing folder": ("report", "none"),
    "report despite damage that is not there": ("report", "b", "--despite-damage"),
    "figure into a link": ("figure", "b", "estimates", "--out", "link.svg"),
    "figure into a device": ("figure", "b", "estimates", "--out", "/dev/null"),
    "figure without an ending": ("figure", "b", "estimates", "--out", "mine"),
    "figure of two formats": ("figure", "b", "estimates", "--out", "a.svg", "--format", "png"),
    "figure that is none": ("figure", "b", "estimate"),
    "figure without its data": ("figure", "b", "overlap"),
    "figure with a path for a name": ("figure", "b", "../design"),
    "table over the bundle's own": ("table", "b", "effects", "--out", "b/estimates.csv"),
    "table into a link": ("table", "b", "effects", "--out", "link.csv"),
    "table into a pipe": ("table", "b", "effects", "--out", "pipe.csv"),
    "table into a device": ("table", "b", "effects", "--out", "/dev/full"),
    "table that is none": ("table", "b", "effect"),
    "compare over a bundle": ("compare", "b", "theirs", "--out", "b/estimates.csv"),
    "compare under another ending": ("compare", "b", "theirs", "--out", "mine.txt"),
    "compare into a link": ("compare", "b", "theirs", "--out", "link.csv"),
    "compare with a file": ("compare", "b", "mine.csv"),
    "tables of a bundle": ("table", "b"),
    "table of two formats": ("table", "b", "effects", "--out", "t.docx", "--format", "csv"),
    "table of an ending that is none": ("table", "b", "effects", "--out", "t.xls"),
    "table of columns that are none": ("table", "b", "effects", "--columns", "estimate,p_valu,estimate"),
    "table of no digits": ("table", "b", "effects", "--digits", "0"),
    "tables without a folder": ("table", "b", "--all"),
    "tables over the bundle's own": ("table", "b", "--all", "--out", "b/tables"),
    "a workbook that is printed": ("table", "b", "effects", "--format", "xlsx"),
    "tables in a folder": ("table", "b", "--all", "--out", "t", "--format", "xlsx"),
    "protocol over the design": ("protocol", "design.md", "--out", "design.md"),
    "protocol into a link": ("protocol", "design.yaml", "--out", "link.md"),
    "protocol under another ending": ("protocol", "design.yaml", "--out", "mine.csv"),
    "protocol of a world": ("protocol", "world.yaml"),
    "lock over the design": ("lock", "frozen.lock", "--outcomes-seen", "no", "--force"),
    "lock twice": ("lock", "locked.yaml", "--outcomes-seen", "no"),
    "lock without an answer": ("lock", "design.yaml"),
    "lock with another answer": ("lock", "design.yaml", "--outcomes-seen", "maybe"),
    "run with a lock that is a list": ("run", "listed.yaml", "--out", "o"),
    "run with a lock that is cut": ("run", "locked.yaml", "--out", "o"),
    "simulate over what it compares": ("simulate", "world.yaml", "--compare", "mine.csv", "--out", "mine.csv", "--force"),
    "simulate over the world": ("simulate", "w.csv", "--out", "w.csv", "--force"),
    "simulate over a file": ("simulate", "world.yaml", "--out", "mine.csv"),
    "simulate into a link": ("simulate", "world.yaml", "--out", "link.csv", "--force"),
    "simulate into a pipe": ("simulate", "world.yaml", "--out", "pipe.csv", "--force"),
    "simulate with a negative seed": ("simulate", "world.yaml", "--out", "p.csv", "--seed", "-1"),
    "simulate with a plot of no format": ("simulate", "world.yaml", "--compare", "panel.csv", "--plot", "mine.txt"),
    "power over a bundle": ("power", "d.yaml", "--world", "v.yaml", "--out", "b"),
    "power into a file": ("power", "d.yaml", "--world", "v.yaml", "--out", "mine.txt"),
    "power resumed from nothing": ("power", "d.yaml", "--world", "v.yaml", "--resume", "none"),
    "power resumed from a bundle": ("power", "d.yaml", "--world", "v.yaml", "--resume", "b"),
    "power of one draw": ("power", "d.yaml", "--world", "v.yaml", "--reps", "1", "--out", "o", "--workers", "1"),
    "power with a power of two": ("power", "d.yaml", "--world", "v.yaml", "--power", "2"),
    "power with a chunk of none": ("power", "d.yaml", "--world", "v.yaml", "--chunk", "0"),
    "economics into a bundle": ("economics", "economics.yaml", "--out", "b", "--force"),
    "economics into a link": ("economics", "economics.yaml", "--out", "linked", "--force"),
    "economics of a bundle": ("economics", "b"),
    "economics of a bundle and a dossier": ("economics", "b", "--gate", "mine.txt"),
    "feasible into a file": ("feasible", "--out", "mine.txt"),
    "feasible of none": ("feasible", "--treated", "0"),
    "feasible of words": ("feasible", "--treated", "five"),
    "feasible of a panel of words": ("feasible", "--panel", "mine.csv"),
    "match into a file": ("match", "d.yaml", "--out", "mine.txt"),
    "match of a bundle": ("match", "b"),
    "match of nothing": ("match", "nothing.yaml"),
    "match of a missing panel": ("match", "design.yaml", "--panel", "nothing.csv"),
    "panel into a link": ("panel", "england", "--out", "link.csv", "--force"),
    "panel over a file": ("panel", "england", "--out", "mine.csv"),
    "panel into a pipe": ("panel", "england", "--out", "pipe.csv", "--force"),
    "init over a file": ("init", "mine.txt"),
    "init over a project": ("init", "."),
    "list of nothing": ("list", "nothing"),
    "list of worlds that are broken": ("list", "worlds"),
    "no command": (),
    "help": ("--help",),
}  # fmt: skip


def wide_gzip(folder: Path) -> None:
    write(
        folder,
        {
            "panel.csv.gz": gzip.compress(b"," * 50_000_000),
            "design.yaml": small.DESIGN.replace("panel.csv", "panel.csv.gz"),
        },
    )


def nested_book(path: Path, _: object) -> None:
    """Write a workbook whose one sheet unpacks a thousandfold."""
    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            book.writestr(name, "<a>" + " " * 20_000_000 + "</a>")


BOMBS: dict[str, tuple[Make, tuple[str, ...]]] = {
    "gzip, a line of 50 megabytes": (wide_gzip, ("check", "design.yaml", "--limit-bytes", "1000000")),
    "xlsx that unpacks to 60 megabytes": (small.stored("xlsx", "p.xlsx", nested_book), ("check", "design.yaml", "--limit-bytes", "1000000")),
    "parquet, a long text once": (small.stored("parquet", "p.parquet", small.parquet(region="N" * 100_000)), ("check", "design.yaml", "--limit-bytes", "1000000")),
    "duckdb, a long text once": (small.stored("duckdb", "p.duckdb", small.duckdb("CREATE TABLE a AS SELECT * REPLACE (repeat('N', 100000) AS region) FROM given")), ("check", "design.yaml", "--limit-bytes", "1000000")),
    "yaml of many values": (small.files(design_yaml="x: [" + "1," * 110_000 + "1]\n"), ("check", "design.yaml")),
    "yaml of many aliases, raised": (small.files(design_yaml="x: &a [" + "1," * 999 + "]\ny: [" + "*a," * 150 + "]\n"), ("check", "design.yaml", "--limit-bytes", "8000000")),
    "a limit as a key": (small.files(design_yaml=small.DESIGN + "limit_depth: 400\n"), ("check", "design.yaml")),
    "json of six megabytes": (small.files(d_json=json.dumps({"sms": "3" * 6_000_000})), ("economics", "--gate", "d.json")),
    "json of 60 levels, raised": (small.files(d_json='{"sms": ' + "[" * 60 + "]" * 60 + "}"), ("economics", "--gate", "d.json", "--limit-depth", "80")),
    "a world of 60 levels": (small.files(world_yaml="x: " + "[" * 60 + "]" * 60), ("simulate", "world.yaml", "--out", "p.csv")),
    "a dossier of laughs": (small.files(d_json=json.dumps([[["lol"] * 9] * 9] * 9)), ("economics", "--gate", "d.json")),
}  # fmt: skip


def folders() -> Iterator[Hostile]:
    """Yield all."""
    yield from damaged()
    lists = (("design.md", small.DESIGN), ("frozen.lock", small.DESIGN), ("locked.yaml", small.DESIGN), ("locked.lock", '{"schema": '),
             ("listed.yaml", small.DESIGN), ("listed.lock", "[1]"), ("d.yaml", bad_power.DESIGN.replace("world.yaml", "v.yaml")), ("v.yaml", bad_power.WORLD))  # fmt: skip
    yield from (Hostile(f"place {name}", also(*lists), command) for name, command in PLACES.items())
    formats = "report: {formats: [html, docx, md]}\nchecks: [leave_one_out]\n"
    long, odd = (
        small.data().assign(la_code=small.data()["la_code"].map(name)).to_csv(index=False)
        for name in (lambda c: c + "x" * 100, lambda c: c + "\a")
    )
    ran = ("run", "design.yaml", "--out", "o", "--workers", "1")
    yield Hostile("run on names of 100 letters", small.files(panel_csv=long, design_yaml=small.DESIGN + formats), ran)
    yield Hostile(
        "run on control characters",
        small.files(panel_csv=odd, design_yaml=small.DESIGN + 'title: "a\\u0007b"\n' + formats),
        ran,
    )
    yield from (Hostile(f"bomb {name}", *case) for name, case in BOMBS.items())
    for name, command in (("run", ("run", "design.yaml", "--out", "o", "--workers", "1")), ("report", ("report", "b")),
                          ("simulate", ("simulate", "world.yaml", "--out", "p.csv")), ("table", ("table", "b", "effects", "--out", "t.csv")),
                          ("power", ("power", "d.yaml", "--world", "v.yaml", "--reps", "4", "--out", "o", "--workers", "1")),
                          ("economics", ("economics", "economics.yaml", "--out", "o")), ("protocol", ("protocol", "design.yaml"))):  # fmt: skip
        yield Hostile(f"files of at most 500 bytes: {name}", also(*lists), command, file_bytes=500)
        if name == "power":  # its plan has room, its draws have not
            yield Hostile("files of at most 1000 bytes: power", also(*lists), command, file_bytes=1000)
    for damage in ("a list", "nesting of 100000", "empty"):
        spoilt = within("p", lambda folder, damage=damage: DAMAGES[damage](folder / "study.json"))
        texts = {"d.yaml": bad_power.DESIGN, "world.yaml": bad_power.WORLD}
        yield Hostile(
            f"study.json {damage}, resumed",
            lambda folder, spoilt=spoilt, texts=texts: (spoilt(folder), write(folder, texts))[0],
            ("power", "d.yaml", "--world", "world.yaml", "--reps", "4", "--resume", "p"),
        )
    for name, command in (("check", ("check",)), ("a dossier", ("economics", "--gate")), ("report", ("report",))):
        yield Hostile(f"a device without end: {name}", lambda folder: None, (*command, "/dev/zero"))
    yield Hostile("a device for a data file", lambda folder: None, ("check", "design.yaml", "--panel", "/dev/zero"))
    link = within("b", lambda b: ((b / "results.json").unlink(), (b / "results.json").symlink_to("/dev/zero"))[0])
    yield Hostile("a bundle with a link to a device", link, ("report", "b"))
    yield Hostile("a bundle with a link to a device, despite", link, ("report", "b", "--despite-damage"))
