"""The picture of scores beside their control."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ArdError
from backend.export.score_histogram import score_histogram, ticks, write_score_histogram
from backend.store import scores
from backend.store.scores import COLUMNS, ScoresFile


def scored(path: Path, m: list[float], control: list[float]) -> ScoresFile:
    columns = {name: np.zeros(len(m)) for name in COLUMNS}
    scores.write(path, columns | {"m": np.array(m), "m_control": np.array(control)}, {}, {})
    return ScoresFile(path)


def test_features_and_controls_share_their_bins_and_unscored_ones_are_left_out(tmp_path: Path) -> None:
    found = score_histogram(scored(tmp_path / "s.h5", [0.0, 4.0, 4.0, np.nan], [0.0, 0.0, 1.0, 9.0]), bins=4)
    np.testing.assert_allclose(found.edges, [0, 1, 2, 3, 4])
    assert found.features.tolist() == [1, 0, 0, 2]
    assert found.control.tolist() == [2, 1, 0, 0]


def test_picture_is_well_formed_and_escapes_its_title(tmp_path: Path) -> None:
    write_score_histogram(scored(tmp_path / "s.h5", [1.0, 2.0], [0.0, 0.5]), "a <b> & c", tmp_path / "p.svg")
    root = ElementTree.parse(tmp_path / "p.svg").getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a <b> & c" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polygon"))) == 2


def test_equal_scores_can_be_drawn(tmp_path: Path) -> None:
    found = write_score_histogram(scored(tmp_path / "s.h5", [1.0, 1.0], [1.0, 1.0]), "t", tmp_path / "p.svg")
    assert found.features.sum() == 2


def test_nothing_scored_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no feature has a score"):
        score_histogram(scored(tmp_path / "s.h5", [np.nan], [np.nan]))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 4.0, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]), (-3.2, 15.5, [0, 5, 10, 15])],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    found = ticks(low, high)
    assert len(found) <= 10
    assert found == pytest.approx(expected)
