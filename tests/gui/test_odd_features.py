"""SAEs without features or with dead ones; features of no clip and of every clip; very short and very long clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gui.waiting import until
from gui.walking import concepts, copied, opened, shows

from ard_gui.main_window import MainWindow
from backend.study.folder import Study
from builders.synthetic_study import TINY, synthetic_study
from builders.without_features import without_features

Make = Callable[..., MainWindow]
SMALL = replace(TINY, clips=40, files=4, list_length=64)


@pytest.fixture(scope="module")
def odd_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The last two of its clips are one sample and ten minutes long."""
    return synthetic_study(tmp_path_factory.mktemp("odd"), replace(SMALL, odd=True))


@pytest.fixture(scope="module")
def dead_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return synthetic_study(tmp_path_factory.mktemp("dead"), replace(SMALL, dead=True))


def test_sae_without_a_feature_is_told_in_the_table_and_in_the_middle(
    make_window: Make, odd_study: Study, tmp_path: Path
) -> None:
    window = make_window()
    window.open_study(without_features(copied(odd_study, tmp_path / "copy")).root)
    until(lambda: window.session.ranking is not None)
    until(lambda: "hold no feature" in window.unfinished.told.text())
    assert window.unfinished.isVisible()
    assert concepts(window).empty.text.text() == "This SAE has no features."
    for action in ("go.next", "go.random", "judge.star", "listen.toggle", "go.next_clip"):
        window.actions_table[action].trigger()
    assert window.session.selection.feature == -1


def test_dead_features_are_told_and_each_has_a_page(make_window: Make, dead_study: Study) -> None:
    window = opened(make_window(), dead_study)
    view = concepts(window)
    assert view.bar.warning.isVisible()
    assert view.bar.warning.text().startswith("All 96 features are dead")
    shows(window, 95)
    until(lambda: bool(window.page.cards.cards()))
    assert not window.page.cards.groups[0].lines
    for action in ("go.next_clip", "listen.toggle", "view.zoom_in"):
        window.actions_table[action].trigger()


def test_feature_without_a_clip_says_so(make_window: Make, odd_study: Study) -> None:
    window = opened(make_window(), odd_study)
    assert window.session.ranking is not None
    dead = int(np.flatnonzero(window.session.ranking.columns["support"] == 0)[0])
    shows(window, dead)
    headers = [row for row in window.page.cards.rows if row.kind == "header"]
    assert len(headers) == len(window.page.cards.groups)
    assert not window.page.cards.groups[0].lines


def test_feature_that_is_active_in_every_clip_shows_lists_and_no_random_clips(
    make_window: Make, odd_study: Study
) -> None:
    window = opened(make_window(), odd_study)
    assert window.session.ranking is not None
    everywhere = int(window.session.ranking.columns["support"].argmax())
    assert window.session.ranking.columns["support"][everywhere] >= 39
    shows(window, everywhere)
    groups = {one.id: one.lines for one in window.page.cards.groups}
    assert len(groups["most"]) >= 39
    assert len(groups["random"]) <= 1


@pytest.mark.parametrize(("name", "seconds"), [("one-sample", 1 / 16000), ("ten-minutes", 600.0)])
def test_very_short_and_very_long_clips_are_seen_and_heard(
    make_window: Make, odd_study: Study, name: str, seconds: float
) -> None:
    window = opened(make_window(), odd_study)
    ranking = window.session.ranking
    assert ranking is not None
    clip = next(i for i in range(len(ranking.clips)) if name in ranking.clips[i].path)
    shows(window, next(k for k in range(ranking.file.features) if clip in ranking.file.most_list(k)[0]))
    cards = window.page.cards
    for group in range(len(cards.groups)):
        cards.show_more(group)
    cards.choose_clip(clip)
    until(lambda: window.session.media.find(clip) is not None)
    card = cards.current_card()
    assert card is not None
    until(lambda: bool(card.canvas.scene.pictures))
    assert card.canvas.scene.seconds == pytest.approx(seconds, rel=0.01)
    assert not card.grab().isNull()
    window.session.listening.toggle()
    until(lambda: window.session.player.key != "")
    until(lambda: window.session.player.playing or name == "one-sample")
    window.session.listening.seek(clip, seconds / 2)
    window.session.listening.stop()
