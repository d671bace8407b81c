"""Choosing features by effect, on a model and an SAE whose features' effects are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import ArdError, Stopped
from backend.sae.base import Sae, build
from backend.sae.config import SaeConfig
from backend.steer.answers import Sampling
from backend.steer.classes import LabelledClip
from backend.steer.effects.candidates import Candidate, candidates
from backend.steer.effects.search import Tried, best, by_effect, search
from backend.steer.effects.setups import ORIGINAL, RECONSTRUCTED, Answers, Controls, How, Setup, Trial
from backend.steer.engine import Engine
from backend.steer.readers import WordsReader
from backend.steer.spaces import SaeSpace
from builders.planted_target import CLASSES, WIDTH, PlantedTarget, clip_of

MUSIC = CLASSES.index("music")
FEATURES = 8
STRONG, HALF, OTHER_HALF = 2, 4, 5


@pytest.fixture
def sae() -> Sae:
    """No feature is ever active; feature 2 points to music, 4 and 5 do too, the others elsewhere."""
    found = build(SaeConfig("topk", WIDTH, FEATURES, 2, bias_mode="none"))
    with torch.no_grad():
        found.W_enc.zero_()
        found.W_dec.zero_()
        for k in range(FEATURES):
            found.W_dec[k, MUSIC if k in (STRONG, HALF, OTHER_HALF) else 20 + k] = 1
    return found.eval()


def trial(sae: Sae, path: Path, maximum: list[float], step: object = None) -> Trial:
    target = PlantedTarget()
    clips = [LabelledClip(i, str(i), "speech" if i % 2 else "animal") for i in range(6)]
    more = {} if step is None else {"step": step}
    return Trial(
        Engine(target, SaeSpace(sae), "decoder.0"), clips, lambda clip: clip_of(clip.value, clip.index), "",
        Sampling(4), How(), maximum, WordsReader(CLASSES), "music", Answers(path / "answers.jsonl"), **more,
    )  # type: ignore[arg-type]  # fmt: skip


def candidate(feature: int, difference: float = 1.0) -> Candidate:
    return Candidate(feature, "", float("nan"), difference, 0.9, 1.0, ("difference",))


def test_feature_that_shifts_the_answers_is_first_by_effect_whatever_its_difference(sae: Sae, tmp_path: Path) -> None:
    one = trial(sae, tmp_path, [1.0] * FEATURES)
    found = [candidate(0, 9.0), candidate(1, 8.0), candidate(STRONG, 0.1)]
    tried = search(one, found, times=(0.5, 2.0), sizes=(2, 3, 4), set_times=(0.5, 2.0), greedy=4)
    assert by_effect(one, found, (0.5, 2.0)) == [STRONG, 0, 1]
    assert best(one, tried, "single").setup == Setup((STRONG,), 2.0)
    assert best(one, tried).setup == Setup((STRONG,), 2.0)
    assert one.share(Setup((STRONG,), 2.0).key).as_json()["value"] == 1
    assert one.share(Setup((STRONG,), 0.5).key).count == 0
    assert one.share(Setup((0,), 2.0).key).count == 0
    assert [t.setup.features for t in tried if t.how == "difference"] == [(0, 1)] * 2 + [(0, 1, STRONG)] * 2
    assert [t.setup.features for t in tried if t.how == "effect"] == [(STRONG, 0)] * 2 + [(STRONG, 0, 1)] * 2
    # nothing is left to be gained
    assert [t.setup for t in tried if t.how == "greedy"] == [Setup((STRONG,), 2.0)]


def test_two_features_of_half_an_effect_each_are_found_as_a_set(sae: Sae, tmp_path: Path) -> None:
    maximum = [1.0] * FEATURES
    maximum[HALF] = maximum[OTHER_HALF] = 0.7
    one = trial(sae, tmp_path, maximum)
    found = [candidate(HALF, 3.0), candidate(0, 2.0), candidate(OTHER_HALF, 1.0)]
    tried = search(one, found, times=(1.0,), sizes=(), set_times=(), greedy=4)
    assert best(one, tried, "single").setup.features == (HALF,)
    assert one.share(Setup((HALF,), 1.0).key).count == 0
    _, greedy = (t for t in tried if t.how == "greedy")
    assert greedy.setup == Setup((HALF, OTHER_HALF), 1.0)
    assert one.share(greedy.setup.key).value == 1
    assert one.told(greedy.setup)["features"] == [[HALF, 0.7], [OTHER_HALF, 0.7]]


def test_greedy_set_is_made_at_the_dose_that_did_best(sae: Sae, tmp_path: Path) -> None:
    one = trial(sae, tmp_path, [1.0] * FEATURES)
    found = [candidate(HALF), candidate(OTHER_HALF), candidate(0, 0.1)]
    tried = search(one, found, times=(3.0,), sizes=(2,), set_times=(0.7,), greedy=2)
    assert best(one, tried[:-2]).setup == Setup((HALF, OTHER_HALF), 0.7)
    assert [t.setup for t in tried[-2:]] == [Setup((HALF,), 0.7), Setup((HALF, OTHER_HALF), 0.7)]


def test_answers_that_are_there_are_not_written_again(sae: Sae, tmp_path: Path) -> None:
    setups = [Setup((STRONG,), 2.0), Setup((0,), 2.0)]

    def stop(count: int) -> None:
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        trial(sae, tmp_path, [1.0] * FEATURES, stop).measure(setups)
    file = tmp_path / "answers.jsonl"
    with file.open("a") as handle:
        handle.write('["1", "2@2", "mus')
    written: list[int] = []
    again = trial(sae, tmp_path, [1.0] * FEATURES, written.append)
    again.measure(setups)
    assert written == [3] * 5
    fresh = Answers(file)
    assert fresh.said == again.answers.said
    assert len(fresh.said) == 6 * 3
    assert again.share("2@2").as_json()["value"] == 1


def test_controls_are_the_reconstruction_and_random_sets_that_move_x_as_far(sae: Sae, tmp_path: Path) -> None:
    one = trial(sae, tmp_path, [1.0] * FEATURES)
    like = Setup((STRONG,), 2.0)
    one.measure([like], Controls(like, {"random 1": (0, 1)}))
    assert one.answers.said["0", ORIGINAL].text == "animal"
    assert one.share(RECONSTRUCTED).n == 6
    assert one.displacement(like.key) == pytest.approx(2, rel=1e-3)
    assert one.displacement("random 1") == pytest.approx(2, rel=5e-3)
    assert one.share("random 1").count == 0


def test_of_setups_that_shift_as_much_the_one_that_moves_x_least_is_best(sae: Sae, tmp_path: Path) -> None:
    one = trial(sae, tmp_path, [1.0] * FEATURES)
    tried = [Tried("single", Setup((STRONG,), times)) for times in (4.0, 1.5, 2.0, 0.1)]
    one.measure([each.setup for each in tried])
    assert best(one, tried).setup.times == 1.5


def test_key_of_a_set_knows_no_order() -> None:
    assert Setup((12, 3), 2.0).key == Setup((3, 12), 2.0).key == "3+12@2"


def test_candidates_come_from_difference_score_and_name() -> None:
    columns = {
        "max": np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
        "m": np.array([0.1, 9.0, 8.0, 9.0, np.nan, 7.0]),
        "name": np.array(["", "", "Rock Music", "music", "", "rain"], dtype=object),
    }
    difference, auc = np.array([5.0, 0.1, -1.0, 9.0, 4.0, 3.0]), np.array([0.9, 0.8, 0.2, 0.9, 0.9, 0.9])
    found = candidates(columns, difference, auc, "music", 2)
    assert [(one.feature, one.why) for one in found] == [
        (0, ("difference",)), (4, ("difference",)), (1, ("score",)), (2, ("name",)),
    ]  # fmt: skip


def test_negative_multiple_is_refused_where_the_sae_selects(sae: Sae) -> None:
    with pytest.raises(ArdError, match="selects no negative value"):
        How(mode="pre_topk").intervention(Setup((1,), -1.0), [1.0] * FEATURES)
