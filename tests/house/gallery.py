"""The gallery of figures: `python -m tests.house.gallery [FOLDER]` writes `docs/gallery.md` and its pictures.

Every figure stands in it once, from the first of the sources that has data for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sos_eval as se
from sos_eval.bundle.files import yaml_text
from sos_eval.cli.main import answered, cli
from sos_eval.cli.screen import Screen
from sos_eval.declare import read_yaml
from sos_eval.report.draw import available
from sos_eval.report.drawing import Drawing
from sos_eval.report.economics_page import read_drawable
from sos_eval.report.power.figures import FIGURES
from sos_eval.report.theme import image
from sos_eval.results.method import registered, summary
from tests.conftest import ROOT

__all__ = ["PAGE", "POWER", "drawings"]

PAGE, ROOM = ROOT / "docs" / "gallery.md", ROOT / "docs" / "gallery"
#: Designs whose bundles are drawn from, those with the plainest examples first.
DESIGNS = (
    "sos_pilots_care_entry", "matched_did_care_entry", "sos_emmie", "emmie_mediation", "emmie_discovery",
    "sos_pilots_curve", "economics_three_strategies", "economics_randomised_rollout",
)  # fmt: skip
#: Figures that another design than the first with data shows more of.
SHOWN_BY = {"mediation_path": "designs/emmie_mediation.yaml"}
#: A study with every figure of power studies.
STUDY = (
    "power", "designs/matched_did_care_entry.yaml", "--world", "synthetic/england.yaml", "--reps", "20",
    "--permutations", "0", "--sweep", "world.effect.size=0,-4",
)  # fmt: skip
#: Colours of a picture: enough for lines and letters, and a third of the size.
COLOURS = 96


def drawings() -> dict[str, Drawing]:
    """Return every figure of bundles and economic evaluations, by name."""
    return dict(registered("figure"))


#: The figures of power studies, by name.
POWER = dict(FIGURES)


def _small(png: bytes) -> bytes:
    """Return a picture with fewer colours, those of small marks as they are."""
    from PIL import Image

    out = BytesIO()
    few = Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def _sources(work: Path) -> Iterator[tuple[str, Path]]:
    """Yield the designs with what they are called; last the EMMIE design with 60 starters of 160, and with doses, and
    the pilots beside synthetic controls.

    With ten starters, as it ships, no effect is split by a mediator, and no curve is drawn over doses.
    """
    yield from ((f"designs/{name}.yaml", ROOT / "designs" / f"{name}.yaml") for name in DESIGNS)
    world = deepcopy(read_yaml(ROOT / "synthetic" / "programme_theory.yaml").data)
    world["authorities"] = {"n": 160, "regions": {name: {"authorities": 80} for name in ("North", "South")}}
    world["adoption"]["treated"] = 60
    design = deepcopy(read_yaml(ROOT / "designs" / "sos_emmie.yaml").data)
    for section in ("economics", "moderators", "implementation"):
        del design[section]
    design |= {"checks": [], "inference": [{"method": "analytic"}]}
    design["panel"]["path"] = "large.yaml"
    dosed = deepcopy(design) | {"estimators": [{"id": "primary", "method": "continuous_did", "over_time": "mean"}]}
    dosed["panel"] |= {"treatment": {"first_treated": "first_treated", "dose": "fidelity"}, "covariates": []}
    del dosed["theory"], dosed["panel"]["measured"]
    for name, data in (("large", world), ("mediated", design), ("dosed", dosed)):
        (work / f"{name}.yaml").write_text(yaml_text(data), encoding="utf-8")
    called = "designs/sos_emmie.yaml with 60 starters of 160 authorities"
    yield from ((called, work / "mediated.yaml"), (f"{called}, and doses", work / "dosed.yaml"))
    (work / "synthetic.yaml").write_text(yaml_text(_synthetic()), encoding="utf-8")
    yield "designs/sos_pilots_care_entry.yaml with a synthetic control", work / "synthetic.yaml"


def _synthetic() -> dict[str, Any]:
    """Return the design of the pilots with a synthetic control in place of its estimators."""
    design: dict[str, Any] = deepcopy(read_yaml(ROOT / "designs" / "sos_pilots_care_entry.yaml").data)
    design |= {"checks": [], "inference": [{"method": "randomization", "draws": 19}], "comparison": {"method": "none"}}
    design["estimators"] = [{"id": "primary", "method": "synthetic_control"}]
    design["panel"] |= {"unbalanced": "balance"}
    for name in ("adoption", "overlapping"):
        design["panel"]["treatment"][name] = str(ROOT / "designs" / design["panel"]["treatment"][name])
    return design


def _pictures(work: Path) -> Iterator[tuple[str, str, str, str, bytes]]:
    """Draw what there is: name, what it shows, where it comes from, its words, the picture."""
    from sos_eval.report.power.reading import read_power
    from sos_eval.report.theme import house_style

    missing = drawings()
    for source, file in _sources(work):
        folder = work / file.stem
        job = "economics" if "schema: sos-eval/economics/" in file.read_text(encoding="utf-8") else "run"
        if not folder.is_dir():
            assert answered(cli, [job, str(file), "--out", str(folder)], Screen()) in (0, 3), source
        bundle = read_drawable(folder)
        for name in [one for one in available(bundle)[0] if one in missing and SHOWN_BY.get(one, source) == source]:
            shown = bundle.figure(name)
            yield (
                name,
                summary(missing.pop(name)),
                source,
                str(shown.get_label()),
                image(shown, "png"),
            )
    folder = work / "power"
    if not folder.is_dir():
        assert answered(cli, [*STUDY, "--out", str(folder)], Screen()) == 0
    study = read_power(folder)
    for name, draw in POWER.items():
        with house_style():
            found = draw(study)
        if found is not None:
            words = str(found[0].get_label())
            yield name, summary(draw), f"sos-eval {' '.join(STUDY)}", words, image(found[0], "png")


def _linked(source: str) -> str:
    """Return where a figure comes from, a file of the project as a link."""
    file, _, rest = source.partition(" ")
    return f"[{file}](../{file}) {rest}".strip() if file.startswith("designs/") else f"`{source}`"


def main(kept: str = "") -> None:
    """Write the page and its pictures.

    Parameters
    ----------
    kept
        A folder that keeps what was run, so that a second time figures are only drawn; without it nothing is kept.
    """
    ROOM.mkdir(exist_ok=True)
    parts = [
        "# Gallery\n\nEvery figure once, made by `make gallery` from the designs that come with the project. "
        "`sos-eval figure BUNDLE NAME --out FILE` draws one; [figures](figures.md) says how sizes and themes are "
        "asked for.\n"
    ]
    with TemporaryDirectory() as passing:
        work = Path(kept or passing)
        work.mkdir(parents=True, exist_ok=True)
        for name, shows, source, words, picture in _pictures(work):
            (ROOM / f"{name}.png").write_bytes(_small(picture))
            alt = words.replace("[", "(").replace("]", ")").replace("\n", " ")
            parts.append(f"\n## {name}\n\n{shows}\n\n![{alt}](gallery/{name}.png)\n\nFrom {_linked(source)}.\n")
            print(name, flush=True)
    PAGE.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    print(f"sos_eval {se.__version__}")
    main(*sys.argv[1:])
