"""A bundle knows its own files: what is cut, changed or missing is named; what is not its own is not removed."""

from __future__ import annotations

import shutil

import pytest

from sos_eval.bundle.bundle import read_bundle, write_bundle
from sos_eval.bundle.listing import LIST, list_files, refuse_damage
from sos_eval.errors import InputFault
from tests.bundle.handmade import content


@pytest.fixture
def bundle(tmp_path):
    write_bundle(tmp_path / "out", content())
    return tmp_path / "out"


def faults(bundle) -> list[str]:
    with pytest.raises(InputFault) as fault:
        read_bundle(bundle)
    return [str(one).removeprefix(f"{bundle}/").split(";")[0] for one in fault.value.faults]


def test_a_bundle_as_it_was_written_is_read(bundle):
    assert read_bundle(bundle).damage == ()
    (bundle / "report.html").write_text("drawn again")
    assert read_bundle(bundle).damage == ()


def test_half_a_file_a_changed_one_and_a_missing_one_are_named_at_once(bundle):
    text = (bundle / "estimates.csv").read_bytes()
    (bundle / "estimates.csv").write_bytes(text[: len(text) // 2])
    (bundle / "balance.csv").write_bytes((bundle / "balance.csv").read_bytes().replace(b"1", b"2"))
    (bundle / "flow.csv").unlink()
    assert faults(bundle) == [
        "balance.csv: is damaged or was changed: it is not what was written",
        f"estimates.csv: is cut: {len(text) // 2:,} of its {len(text):,} bytes are there",
        "flow.csv: is not there",
    ]


def test_a_list_that_is_cut_changed_or_gone_is_named(bundle):
    text = (bundle / LIST).read_text()
    (bundle / LIST).write_text(text.replace("estimates.csv", "estimates.csw"))
    assert faults(bundle) == [f"{LIST}: is damaged: it is not what was written"]
    (bundle / LIST).write_text(text[:50])
    assert faults(bundle) == [f"{LIST}: is damaged: it is not what was written"]
    (bundle / LIST).unlink()
    assert faults(bundle) == [f"{LIST}: is not there: the folder was cut, or written before folders listed their files"]


def test_despite_damage_the_page_says_so(bundle):
    (bundle / "balance.csv").write_text("covariate\n")
    with pytest.raises(InputFault, match=r"balance\.csv: is cut"):
        read_bundle(bundle)
    page = read_bundle(bundle, despite_damage=True).report("md").read_text()
    first = page.split("## ")[0]
    assert "This bundle is damaged" in first
    assert "balance.csv is cut" in first
    assert "damaged: not as the run wrote it" in first


def test_what_is_too_damaged_for_a_report_is_refused_by_name(bundle):
    (bundle / "results.json").write_text("{")
    with pytest.raises(InputFault, match=r"too damaged for a report[^\n]*\n[^\n]*results\.json: is cut"):
        read_bundle(bundle, despite_damage=True).report("html")


def test_a_file_of_the_users_is_not_removed_with_force(bundle):
    (bundle / "notes.docx").write_text("mine")
    (bundle / "figures" / "mine.svg").write_text("mine")
    with pytest.raises(InputFault, match=r"would remove what no run wrote: figures/mine\.svg, notes\.docx; move it"):
        write_bundle(bundle, content(), force=True)
    for name in ("notes.docx", "figures/mine.svg"):
        (bundle / name).unlink()
    (bundle / "report.docx").write_text("made by sos-eval report")
    write_bundle(bundle, content(), force=True)
    assert not (bundle / "report.docx").exists()


def test_economics_made_again_in_a_bundle_is_ours(bundle):
    again = bundle / "economics-again"
    again.mkdir()
    (again / "gate.json").write_text("{}")
    list_files(again)
    (again / "mine.txt").write_text("mine")
    with pytest.raises(InputFault, match=r"wrote: economics-again/mine\.txt;"):
        write_bundle(bundle, content(), force=True)
    (again / "mine.txt").unlink()
    assert read_bundle(bundle).damage == ()
    write_bundle(bundle, content(), force=True)
    assert not again.exists()


def test_without_a_list_nothing_says_what_is_the_users(bundle):
    (bundle / LIST).unlink()
    with pytest.raises(InputFault, match="nothing says which files in it are yours"):
        write_bundle(bundle, content(), force=True)


def test_a_bundle_that_appeared_meanwhile_is_left(tmp_path, bundle):
    shutil.move(bundle, tmp_path / "aside")

    def render(folder):
        shutil.copytree(tmp_path / "aside", bundle)
        return []

    with pytest.raises(InputFault, match="exists already"):
        write_bundle(bundle, content(), render=render)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aside", "out"]
    refuse_damage(bundle)
