"""The documents as pages: `python -m tests.house.site FOLDER` writes README, `docs/` and the changelog as HTML.

Pages stand by themselves: no script, nothing from elsewhere, one style. A link that leads nowhere ends it with its
file and line, so that what is built has none.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import ROOT

__all__ = ["Page", "pages", "write_site"]

#: Files that no page is made of and that are linked to; they go beside the pages.
_BESIDE = (".png", ".svg", ".yaml", ".csv", ".ipynb")
_LAST = ("CONTRIBUTING.md", "CHANGELOG.md")
_FIRST = (
    "README.md",
    "docs/journeys/evaluator.md",
    "docs/journeys/methodologist.md",
    "docs/journeys/report_builder.md",
)
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_STYLE = """
:root { color-scheme: light dark } * { box-sizing: border-box }
body { margin: 0 auto; max-width: 80rem; font: 1rem/1.55 system-ui, sans-serif; padding: 0 1rem 4rem }
nav { padding-top: .6rem } summary { padding: .4rem 0 } nav li { padding: .12rem 0 }
nav ul { columns: 16rem; padding: 0; list-style: none; font-size: .95rem } nav a[aria-current] { font-weight: bold }
main { max-width: 60rem; overflow-wrap: anywhere } a { text-underline-offset: .15em }
pre, .wide { overflow-x: auto } pre { padding: .8rem; border: 1px solid #8888; overflow-wrap: normal }
code { font-size: .92em } table { border-collapse: collapse; font-size: .93rem; overflow-wrap: normal }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8886; min-width: 6rem }
img { max-width: 100%; height: auto; background: white } .skip { position: absolute; left: -99rem }
.skip:focus { left: 1rem } @media print { nav, .skip { display: none } }
"""


@dataclass(frozen=True)
class Page:
    """A document: where it is, what it is called, and its words."""

    path: str
    title: str
    tokens: list[Token]
    anchors: frozenset[str]

    @property
    def out(self) -> str:
        """Where its page stands in the folder."""
        return "index.html" if self.path == "README.md" else str(PurePosixPath(self.path).with_suffix(".html"))


def pages() -> dict[str, Page]:
    """Return every document by its path in the project, README and journeys first."""
    found = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md"))
    order = [*_FIRST, *(path for path in found if path not in _FIRST), *_LAST]
    return {path: _read(path) for path in order}


def _read(path: str) -> Page:
    tokens = _MARKDOWN.parse((ROOT / path).read_text(encoding="utf-8"))
    anchors: list[str] = []
    title = PurePosixPath(path).stem
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            words = "".join(part.content for part in tokens[at + 1].children or ())
            title = words if token.tag == "h1" and not anchors else title
            anchors.append(_anchor(words, anchors))
            token.attrSet("id", anchors[-1])
    return Page(path, title, tokens, frozenset(anchors))


def _anchor(words: str, taken: list[str]) -> str:
    """Return a heading's name as links in the documents write it; of two alike the second has a number."""
    plain = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
    same = sum(re.fullmatch(rf"{re.escape(plain)}(-\d+)?", name) is not None for name in taken)
    return f"{plain}-{same}" if same else plain


def write_site(folder: Path) -> int:
    """Write every page into a folder that is not there yet; return how many.

    Raises
    ------
    SystemExit
        With every link that leads nowhere, each with its file and line.
    """
    every, lost, beside = pages(), [], set[str]()
    for page in every.values():
        _resolve(page, every, lost, beside)
    if lost:
        raise SystemExit("\n".join(lost))
    folder.mkdir(parents=True)
    for page in every.values():
        out = folder / page.out
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(_html(page, every), encoding="utf-8")
    for path in sorted(beside):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    return len(every)


def _resolve(page: Page, every: dict[str, Page], lost: list[str], beside: set[str]) -> None:
    """Point the links of a page at pages and files of the folder; note those that lead nowhere."""
    for block in page.tokens:
        for token in block.children or ():
            name = {"link_open": "href", "image": "src"}.get(token.type)
            target = str(token.attrGet(name) or "") if name else ""
            if not target or re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = unquote(target).partition("#")
            path = normpath((PurePosixPath(page.path).parent / file).as_posix()) if file else page.path
            path = next((one for one in every if one.startswith(f"{path}/")), path)  # of a folder the first
            if path in every and (not anchor or anchor in every[path].anchors):
                away = relpath(every[path].out, PurePosixPath(page.out).parent.as_posix())
                token.attrSet(str(name), (away if file else "") + (f"#{anchor}" if anchor else ""))
            elif path.endswith(_BESIDE) and (ROOT / path).is_file():
                beside.add(path)
                token.attrSet(str(name), relpath(path, PurePosixPath(page.out).parent.as_posix()))
            elif path not in every and (ROOT / path).exists():  # a file of the project, which is not among the pages
                del token.attrs[str(name)]
                token.attrSet("title", f"{path} of the project")
            else:
                line = (block.map or [0])[0] + 1
                lost.append(f"{page.path}:{line}: {target} leads nowhere")


def _html(page: Page, every: dict[str, Page]) -> str:
    """Return a page with the list of all."""
    base = PurePosixPath(page.out).parent.as_posix()
    links = "".join(
        f'<li><a href="{relpath(one.out, base)}"{" aria-current=page" if one is page else ""}>{escape(one.title)}</a>'
        for one in every.values()
        if "/decisions/" not in one.path or "/decisions/" in page.path
    )
    body = _MARKDOWN.renderer.render(page.tokens, _MARKDOWN.options, {})
    body = body.replace("<table>", '<div class="wide" tabindex="0"><table>').replace("</table>", "</table></div>")
    return (
        f'<!doctype html>\n<html lang="en-GB">\n<meta charset="utf-8">\n<title>{escape(page.title)}: sos_eval</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n'
        f'<a class="skip" href="#main">To the text</a>\n'
        f'<nav aria-label="Documents"><details><summary>All documents</summary><ul>{links}</ul></details></nav>\n'
        f'<main id="main">\n{body}</main>\n</html>\n'
    )


if __name__ == "__main__":
    print(f"{write_site(Path(sys.argv[1]))} pages in {sys.argv[1]}")
