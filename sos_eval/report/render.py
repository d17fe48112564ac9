"""What is made from a finished bundle: figures first, then the report in each format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.stopping import stop_if_told
from sos_eval.bundle.unmet import Unmet, failure_words
from sos_eval.bundle.whole import refuse_existing, write_file, write_folder
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.docx import render_docx
from sos_eval.report.draw import Drawn, draw_all, quotes, save
from sos_eval.report.html import render_html
from sos_eval.report.markdown import render_markdown
from sos_eval.report.theme_file import THEME_NAME, OwnLook, read_theme

__all__ = ["REPORT_FORMATS", "kept_look", "render_all", "reported", "write_report", "written_with_pictures"]

#: Where a bundle keeps the look that its design names.
THEME_FOLDER = "theme"

#: Format -> from a bundle, its figures and one's own look to the bytes of a file ``report.<format>``.
REPORT_FORMATS: dict[str, Callable[[ResultBundle, Drawn, OwnLook | None], bytes]] = {
    "html": lambda bundle, drawn, own: render_html(bundle, drawn, own).encode("utf-8"),
    "docx": render_docx,
    "md": lambda bundle, drawn, own: _linked(bundle, drawn, "figures"),
}

#: The images that each format holds; Markdown links to those of the bundle.
_IMAGES: dict[str, tuple[str, ...]] = {"html": ("svg",), "docx": ("png",), "md": ()}


def render_all(folder: Path, forms: Sequence[str] = ("html",), own: OwnLook | None = None) -> list[Unmet]:
    """Draw every figure into a bundle's folder and write its report; the `render` of `write_bundle`.

    One's own look is kept in the folder, so that what is pulled later has it too. A figure or format that fails stops
    neither the others nor the run: it is returned with how it failed.
    """
    bundle = ResultBundle(folder)
    if own is not None:
        own.kept_in(folder / THEME_FOLDER)
    drawn = draw_all(bundle, own=own)
    save(drawn, folder / "figures")
    unmet = drawn.unmet
    for form in forms:
        try:
            content = _writer(bundle, form)(bundle, drawn, own)
        except Exception as error:  # whatever it is, the estimates stand
            stop_if_told()
            unmet.append(Unmet("format", form, failure_words(error, quote=quotes(bundle))))
        else:
            (folder / f"report.{form}").write_bytes(content)
    return unmet


def write_report(bundle: ResultBundle, form: str = "html", out: Path | None = None) -> Path:
    """Write one report, into the bundle or elsewhere, and return where it is; see `reported`."""
    return reported(bundle, form, out)[0]


def reported(
    bundle: ResultBundle, form: str = "html", out: Path | None = None, own: OwnLook | None = None, *,
    force: bool = False,
) -> tuple[Path, list[Unmet]]:  # fmt: skip
    """Write one report, into the bundle or elsewhere, and return where it is and which figures failed.

    Markdown links its pictures: to those in the bundle's ``figures/`` where it lies beside them and they are in its
    look, else they are written into a folder beside it, ``<name>.figures``.

    Parameters
    ----------
    own
        One's own look; without it the one that the bundle keeps, else the house's.
    force
        Whether what `out` names is replaced where it is there; the bundle's own report is written anew in any case.

    Raises
    ------
    InputFault
        There is no such format, or the file exists or cannot be written.
    """
    file = Path(out) if out is not None else bundle.path / f"report.{form}"
    writer, beside = _writer(bundle, form), None
    if form == "md" and (own is not None or not _beside_figures(bundle, file)):
        beside = file.with_name(f"{file.stem}.figures")
    own = own or kept_look(bundle)
    if out is not None:
        refuse_existing(file, force=force)
    if beside is not None:
        _refuse_other_files(beside, force=force or out is None)
    try:
        if bundle.damage:  # what every page needs is read once, before each figure finds it unreadable
            _ = bundle.design, bundle.headline, bundle.facts
        drawn = draw_all(bundle, _IMAGES[form] if beside is None else ("png",), own=own)
        content = writer(bundle, drawn, own) if beside is None else _linked(bundle, drawn, beside.name)
    except Exception as error:
        if not bundle.damage:
            raise
        what = f"too damaged for a report ({type(error).__name__})"
        raise InputFault([Fault(str(bundle.path), what, "run the design again"), *bundle.damage]) from None
    _place(file, content, drawn, beside)
    return file, drawn.unmet


def written_with_pictures(file: Path, text: Callable[[str], str], drawn: Drawn, *, force: bool) -> Path:
    """Write a Markdown report and its pictures, in ``<name>.figures`` beside it, and return where it is.

    Parameters
    ----------
    text
        From the name of the folder of pictures to the report.
    force
        Whether a folder of pictures that is there is replaced.

    Raises
    ------
    InputFault
        The folder is there, or holds what is no picture; the file cannot be written.
    """
    beside = file.with_name(f"{file.stem}.figures")
    _refuse_other_files(beside, force=force)
    _place(file, text(beside.name), drawn, beside)
    return file


def _place(file: Path, content: str | bytes, drawn: Drawn, beside: Path | None) -> None:
    """Write a report, its pictures first where they stand beside it."""
    if beside is not None and file.parent.is_dir():
        write_folder(beside, lambda folder: _pictures(drawn, folder))
    write_file(file, content)


def _pictures(drawn: Drawn, folder: Path) -> None:
    for name, images in drawn.images.items():
        write_file(folder / f"{name}.png", images["png"])


def _linked(bundle: ResultBundle, drawn: Drawn, pictures: str) -> bytes:
    return render_markdown(bundle, drawn, pictures).encode("utf-8")


def _beside_figures(bundle: ResultBundle, file: Path) -> bool:
    """Whether a file lies in the bundle and the bundle holds pictures to link to."""
    return file.resolve().parent == bundle.path.resolve() and any((bundle.path / "figures").glob("*.png"))


def _refuse_other_files(folder: Path, *, force: bool) -> None:
    """Refuse to write pictures over a folder that is there, unless asked to, and then only over pictures.

    Raises
    ------
    InputFault
        The folder is there, or holds what is no picture.
    """
    if not folder.exists():
        return
    if not force:
        raise InputFault(Fault(str(folder), "exists: the report's pictures go there", "add --force to replace it"))
    if not folder.is_dir() or any(one.suffix != ".png" or not one.is_file() for one in folder.iterdir()):
        what = "the report's pictures go there, and it holds more than pictures"
        raise InputFault(Fault(str(folder), what, "choose another --out"))


def kept_look(bundle: ResultBundle) -> OwnLook | None:
    """Return the look that a run was told to have; None where it was told none."""
    file = bundle.path / THEME_FOLDER / THEME_NAME
    return read_theme(file) if file.is_file() else None


def _writer(bundle: ResultBundle, form: str) -> Callable[[ResultBundle, Drawn, OwnLook | None], bytes]:
    if form not in REPORT_FORMATS:
        raise InputFault(Fault(str(bundle.path), f"no report format {form!r}", nearest(form, REPORT_FORMATS)))
    return REPORT_FORMATS[form]
