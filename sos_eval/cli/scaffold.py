"""`sos-eval init`: a project folder with three examples that run as they are."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sos_eval.bundle.whole import write_file
from sos_eval.cli.screen import Screen, pass_screen, quiet
from sos_eval.errors import DataFault, Fault, Faults

__all__ = ["example", "init"]

SCHEMA_FILE = "design.schema.json"

#: What the examples consist of; it stands in the project's own folders of the same names.
EXAMPLE = (
    "designs/sos_pilots_care_entry.yaml",
    "designs/sos_pilots_register.csv",
    "designs/sos_pilots_programmes.csv",
    "designs/matched_did_care_entry.yaml",
    "synthetic/england.yaml",
    "designs/sos_evaluation_2020.yaml",
    "designs/sos_evaluation_2020_register.csv",
    "designs/sos_evaluation_2020_authorities.csv",
    "synthetic/cin_cla_children.yaml",
)

README = """# An evaluation project

    sos-eval check designs/sos_pilots_care_entry.yaml      is the design in order?
    sos-eval protocol designs/sos_pilots_care_entry.yaml   the plan, to be read and agreed
    sos-eval lock designs/sos_pilots_care_entry.yaml --outcomes-seen published   freeze it; the answer is recorded
    sos-eval run designs/sos_pilots_care_entry.yaml        results and report, in reports/

Three examples run as they are: `sos_pilots_care_entry.yaml` on the published panel of England that ships with sos_eval
(`sos-eval panel england --out data/england.csv` writes it out, with its sources and licence),
`matched_did_care_entry.yaml` on simulated authorities (`synthetic/england.yaml`), and `sos_evaluation_2020.yaml`, whose
rows are children: dated events, matched within declared sets of authorities, on a simulated world
(`synthetic/cin_cla_children.yaml`). It takes minutes; `sos-eval match` shows its balance before any outcome is read.
Copy one, point `panel:` at your data, and say what you want to know. Where starts are permuted they take
`statistic: both`: one joint p, and no choice between two. Where your outcome counts who is there on a day,
say `stock: true` beside it. What can be written stands in `design.schema.json`, which editors read; `sos-eval list
estimators` (comparisons, inference, checks) names the methods.

| folder | holds |
|---|---|
| `designs/` | declared designs, each with its lock beside it: keep them under version control |
| `synthetic/` | declared worlds to simulate from |
| `data/` | your panels: never under version control |
| `reports/` | what runs write: never under version control |
"""

IGNORED = "data/*\n!data/README.md\nreports/*\n!reports/README.md\n*.partial\nsos-eval-error.log\n"

FIXED = {
    "README.md": README,
    ".gitignore": IGNORED,
    "data/README.md": "Panels of this project. Nothing else in this folder is kept under version control.\n",
    "reports/README.md": "What `sos-eval run` writes. Nothing else in this folder is kept under version control.\n",
}


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@quiet
@pass_screen
def init(screen: Screen, folder: Path) -> None:
    """Scaffold a project: designs/, synthetic/, reports/, data/, a README and a JSON Schema for editors.

    Nothing that is already there is written over.
    """
    _refuse_overwriting(folder, [*FIXED, SCHEMA_FILE, *EXAMPLE])
    for name, text in _files().items():
        _made(folder / name)
        write_file(folder / name, text)
    screen.say(f"made {folder}: start with\n  cd {folder}\n  sos-eval run {EXAMPLE[0]}")


def example(name: str) -> Path:
    """Return a file of the examples: from the installed package, or from the source tree it is developed in."""
    installed = Path(__file__).parent / "example" / name
    return installed if installed.exists() else Path(__file__).parents[2] / name


def _files() -> dict[str, str]:
    """Return every file of a new project with its text."""
    from sos_eval.design.schema import design_schema

    schema = json.dumps(design_schema(), indent=2, ensure_ascii=False) + "\n"
    return {**FIXED, SCHEMA_FILE: schema, **{name: _example_text(name) for name in EXAMPLE}}


def _example_text(name: str) -> str:
    """Return a file of the examples; a design begins with the line by which editors find the schema."""
    text = example(name).read_text(encoding="utf-8")
    design = name.startswith("designs/") and name.endswith(".yaml")
    text = text.replace("statistic: studentised", "statistic: both") if design else text
    return f"# yaml-language-server: $schema=../{SCHEMA_FILE}\n{text}" if design else text


def _refuse_overwriting(folder: Path, names: list[str]) -> None:
    """Stop where a file of the project, or a file in place of its folder, is there already."""
    faults = Faults(DataFault)
    if folder.exists() and not folder.is_dir():
        faults.add(str(folder), "is a file", "name a folder")
    else:
        for name in names:
            if (folder / name).exists():
                faults.add(str(folder / name), "is there already, and is not written over", "choose another folder")
    faults.stop()


def _made(file: Path) -> None:
    """Make the folder of a file."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFault(Fault(str(file.parent), f"cannot be made ({error.strerror})", "choose another place")) from None
