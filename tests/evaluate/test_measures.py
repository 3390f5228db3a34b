"""What users read about each figure is there, and its values read as they should."""

from __future__ import annotations

from faceloom.evaluate.measures import KEY_PREFIX, MEASURES
from faceloom.evaluate.score_lines import SCORE_LINES


def test_every_measure_says_what_it_is() -> None:
    for name, measure in MEASURES.items():
        assert measure.name == name
        for text in (measure.title, measure.range, measure.good, measure.definition,
                     measure.source):  # fmt: skip
            assert len(text) > 0
            assert text == text.strip()
        assert measure.definition.endswith(".")


def test_titles_tell_measures_apart() -> None:
    titles = [measure.title for measure in MEASURES.values()]
    assert len(set(titles)) == len(titles)


def test_values_are_shown_in_their_unit() -> None:
    assert MEASURES["expression_error"].text(0.0213) == "2.13%"
    assert MEASURES["pose_error_deg"].text(1.234) == "1.23°"
    assert MEASURES["flicker_hz"].text(8) == "8.0 Hz"
    assert MEASURES["identity_gain"].text(0.814) == "0.81"


def test_the_benchmarks_figures_are_all_there_but_time() -> None:
    keyed = {name.removeprefix(KEY_PREFIX) for name in MEASURES if name.startswith(KEY_PREFIX)}
    assert keyed == {line.name for line in SCORE_LINES} - {"seconds_per_frame"}
