"""The pages that are made from the code: `python -m tests.house.generated` writes them."""

from __future__ import annotations

from collections.abc import Callable

from sos_eval.terms import GLOSSARY
from tests.conftest import ROOT
from tests.house.design_keys import design_keys
from tests.house.earlier_paths import choosing
from tests.inference.page import page as inference
from tests.statistical.coverage.family_page import family_page

__all__ = ["PAGES", "glossary"]


def glossary() -> str:
    """Return the glossary, from the one vocabulary that code, YAML, tables and report share."""
    rows = "".join(f"| `{word}` | {meaning} |\n" for word, meaning in sorted(GLOSSARY.items()))
    return (
        "# Glossary\n\nA word for each thing, the same in code, YAML, CSV and report. "
        f"Made by `make docs` from `sos_eval/terms.py`.\n\n| word | means |\n|---|---|\n{rows}"
    )


PAGES: dict[str, Callable[[], str]] = {
    "docs/choosing.md": choosing, "docs/coverage_family.md": family_page, "docs/design_keys.md": design_keys,
    "docs/glossary.md": glossary, "docs/inference.md": inference,
}  # fmt: skip


if __name__ == "__main__":
    for name, make in PAGES.items():
        (ROOT / name).write_text(make(), encoding="utf-8")
        print(f"wrote {name}")
