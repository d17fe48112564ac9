"""What the panel's own columns say: another release from the first start on, donors where nobody began."""

from tests.panel.test_england import DESIGN, loaded


def test_the_published_panel_changes_its_release_at_the_pilots_start(tmp_path):
    """Entries of 2014 are of DfE ULD 2018, those from 2015 on of later ones."""
    panel = loaded(tmp_path, DESIGN)
    assert panel.caveats[0].startswith(
        "Counts come from another release from 2015 on (named DfE ULD 2019) than in 2014"
    )


def test_regions_where_nobody_began_are_a_clause_and_no_caveat(tmp_path):
    panel = loaded(tmp_path, DESIGN)
    (clause,) = [caveat for caveat in panel.noted_caveats if caveat.place == "basis"]
    assert clause.text == "{n} of the {of} comparison units lie in regions without a recorded start"
    assert "330" in {unit for unit, _ in clause.units}  # Birmingham: no pilot in the West Midlands
    assert not any("regions without a recorded start" in text for text in panel.caveats)
