"""Wrong power studies, case by case, and what is said about them: `make bad-inputs` prints them too."""

from __future__ import annotations

import contextlib
import io
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from tests.cli.bad_inputs import Said

__all__ = ["CASES", "PowerCase", "said_about"]

WORLD = """\
schema: sos-eval/world/1
name: small
times: {first: 2011, last: 2016}
authorities: {n: 48}
outcome: {mean: {2011: 28.0}, level_sd: 0.2, distribution: poisson}
adoption: {pattern: staggered, treated: 24, cohorts: {2013: 1, 2015: 1}}
effect: {size: -3.0}
"""
DESIGN = """\
schema: sos-eval/design/1
name: small-design
question: {intervention: A framework, outcome: Care entries}
panel:
  source: world
  path: world.yaml
  unit: la_code
  time: year
  outcome: {count: care_entries, exposure: children_0_17, per: 10000}
  treatment: {first_treated: first_treated}
estimators:
  - {id: primary, method: twfe}
inference: [{method: analytic}]
"""


def _nobody() -> str:
    """Return an address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


def _another_study(folder: Path) -> None:
    done = ["power", str(folder / "design.yaml"), "--world", str(folder / "world.yaml"), "--reps", "3", "--quiet"]
    assert answered(cli, [*done, "--workers", "1", "--out", str(folder / "out")], Screen()) == 0


def _not_a_study(folder: Path) -> None:
    folder.joinpath("out").mkdir()
    folder.joinpath("out", "mine.txt").write_text("mine")


def _cut_off(folder: Path) -> None:
    folder.joinpath("out").mkdir()
    folder.joinpath("out", "study.json").write_text('{"schema": "sos-eval/power/1", "ha')


@dataclass(frozen=True)
class PowerCase:
    """One spoiled study.

    Attributes
    ----------
    expected
        Words that must be said.
    world, design
        (what stands in the sound file, what stands there instead).
    args
        Put after the command's own.
    prepare
        Done to the folder first.
    """

    expected: tuple[str, ...]
    world: tuple[str, str] = ("", "")
    design: tuple[str, str] = ("", "")
    args: tuple[str, ...] = ()
    prepare: Callable[[Path], None] = lambda folder: None


CASES: dict[str, PowerCase] = {
    "no draws": PowerCase(("reps: 0 draws; write 2 to",), args=("--reps", "0")),
    "a swept key that is not there": PowerCase(
        ('effect.sise: no such key; did you mean "size"?',), args=("--sweep", "world.effect.sise=1,2")
    ),
    "a swept key of the design that is not there": PowerCase(
        ("design.estimators.secondary", "write one of: primary"), args=("--sweep", "design.estimators.secondary.x=1")
    ),
    "a sweep without values": PowerCase(("--sweep", "world.effect.size"), args=("--sweep", "world.effect.size=")),
    "a search over a key that is not there": PowerCase(
        ("--find: world.adoption.treatet", "write world.adoption.treated"), args=("--find", "world.adoption.treatet")
    ),
    "more adopters than authorities": PowerCase(
        ("world.yaml:6: adoption.treated: 900 of 48 authorities cannot start",), world=("treated: 24", "treated: 900")
    ),
    "more adopters than authorities in a sweep": PowerCase(
        ("world.adoption.treated=900", "900 of 48 authorities cannot start"),
        args=("--sweep", "world.adoption.treated=12,900"),
    ),
    "a negative standard deviation": PowerCase(
        ("world.yaml:5: outcome.level_sd", "greater than or equal to 0"), world=("level_sd: 0.2", "level_sd: -0.2")
    ),
    "an unknown key of the world": PowerCase(
        ("world.yaml:6", 'did you mean "treated"'), world=("treated: 24", "treatd: 24")
    ),
    "an effect that comes after the design's window": PowerCase(
        ("no unit is treated",), design=("unit: la_code", "window: {to: 2012}\n  unit: la_code")
    ),
    "an effect on a cohort that nobody is in": PowerCase(
        ("effect.by_cohort", "2014"), world=("size: -3.0", "size: -3.0, by_cohort: {2014: 2.0}")
    ),
    "an adoption after the last period": PowerCase(("adoption.cohorts", "2030"), world=("2013: 1, 2015: 1", "2030: 1")),
    "an outcome that the world does not draw": PowerCase(
        ("design.yaml:9: panel.outcome.count", 'has no column "adoptions"'),
        design=("count: care_entries", "count: adoptions"),
    ),
    "a covariate that the world does not draw": PowerCase(
        ('has no column "idacy"', 'did you mean "idaci"'),
        design=("treatment: {", "covariates: [idacy]\n  treatment: {"),
    ),
    "a covariate of an estimator that the panel section does not name": PowerCase(
        ("design.yaml:12: estimators.0.covariates: 'idacy' is not among panel.covariates",),
        design=("method: twfe", "method: twfe, covariates: [idacy]"),
    ),
    "matching on what the world does not draw": PowerCase(
        ('design.yaml:13: comparison.on: data has no column "poverty"',),
        design=("inference:", "comparison: {method: nearest, on: [poverty], ratio: 1}\ninference:"),
    ),
    "a scheduler that cannot be reached": PowerCase(("--scheduler", "tcp://"), args=("--scheduler", _nobody())),
    "the folder of another study": PowerCase(
        ("out: holds another study", "name a new folder"), args=("--resume",), prepare=_another_study
    ),
    "a folder that holds this study": PowerCase(
        ("out: holds this study already", "add --resume"), args=("--reps", "3"), prepare=_another_study
    ),
    "a folder of something else": PowerCase(("out", "is not empty and holds no power study"), prepare=_not_a_study),
    "a plan that was cut off": PowerCase(("study.json cannot be read",), args=("--resume",), prepare=_cut_off),
    "a folder that is a file": PowerCase(
        ("out: --out: is a file",), prepare=lambda folder: folder.joinpath("out").touch()
    ),
    "nothing to go on with": PowerCase(("out: --resume: holds no power study to go on with",), args=("--resume",)),
    "a swept value twice": PowerCase(("-1: stands there twice",), args=("--sweep", "world.effect.size=-1,-1")),
    "a swept key without an end": PowerCase(
        ("world.: is a key of neither world nor design", "world..size: is a key of neither"),
        args=("--sweep", "world.=1", "--sweep", "world..size=1"),
    ),
    "a sweep that changes nothing": PowerCase(
        ("design.name: changes nothing in a study",), args=("--sweep", "design.name=a,b")
    ),
    "a swept seed": PowerCase(("world.seed: changes nothing in a study", "--seed"), args=("--sweep", "world.seed=1,2")),
    "a value of a sweep at which nobody is treated": PowerCase(
        ("--sweep world.adoption.treated=0: first_treated: no unit is treated",),
        args=("--sweep", "world.adoption.treated=0,5"),
    ),
    "several faults at once": PowerCase(
        ("reps: -3 draws", "power: 2.0 is no probability", "effect.sise: no such key", "foo: is a key of neither"),
        args=("--reps", "-3", "--power", "2", "--sweep", "world.effect.sise=1", "--sweep", "foo=1"),
    ),
    "faults of design and sweep at once": PowerCase(
        ("design.yaml:12", "twfee", "--sweep world.effect.size=: no values"),
        design=("method: twfe", "method: twfee"),
        args=("--sweep", "world.effect.size="),
    ),
    "no probability": PowerCase(("power: 1.2 is no probability",), args=("--power", "1.2")),
}


def said_about(case: PowerCase) -> Said:
    """Run a case in a folder of its own and catch what is said and written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, sound, change in (("world.yaml", WORLD, case.world), ("design.yaml", DESIGN, case.design)):
            assert change[0] in sound
            folder.joinpath(file).write_text(sound.replace(*change, 1) if change[0] else sound)
        out = ["--resume" if "--resume" in case.args else "--out", str(folder / "out")]
        out = [] if "--find" in case.args else out
        more = [word for word in case.args if word != "--resume"]
        words = ["power", str(folder / "design.yaml"), "--world", str(folder / "world.yaml"), "--reps", "4", "--quiet"]
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()) as err:
            case.prepare(folder)
            before = {path for path in folder.rglob("*")}
            said.truncate(0)
            code = answered(cli, [*words, "--workers", "1", *out, *more], Screen())
        written = sorted(str(path.relative_to(folder)) for path in set(folder.rglob("*")) - before)
        return Said(code, *(text.getvalue().replace(f"{folder}/", "") for text in (said, err)), tuple(written))


def main() -> None:
    """Print every case."""
    for name, case in CASES.items():
        found = said_about(case)
        print(f"{name} (exit {found.code})", *found.err.splitlines(), sep="\n    ")


if __name__ == "__main__":
    main()
