"""Controls move the residual stream as far as what they are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import ArdError
from backend.evaluate.sensitivity.controls import random_sets, unit_set
from backend.evaluate.sensitivity.features import SWEEP, FeatureSet, candidates, mapped
from backend.evaluate.sensitivity.items import Item
from backend.evaluate.sensitivity.matching import TOLERANCE, displacement, matched, scaled
from backend.evaluate.sensitivity.replies import Ask, Replies
from backend.evaluate.sensitivity.result import Condition, RandomSets
from backend.sae.base import build
from backend.sae.config import SaeConfig
from backend.steer.answers import Sampling
from backend.steer.engine import Engine, Scene
from backend.steer.intervention import Intervention, Mode
from backend.steer.spaces import SaeSpace
from backend.store.clips import Clip
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from builders.tiny_models import tiny_qwen2_audio

WAVE = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
CHOSEN = [(1, 3.0), (4, 1.5), (6, 2.0)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    target = load_target(ModelSection(path=str(tiny_qwen2_audio(tmp_path_factory.mktemp("qwen"))), device="cpu"))
    torch.manual_seed(0)
    sae = build(SaeConfig("topk", 32, 64, 8, bias_mode="none")).eval()
    return Engine(target, SaeSpace(sae), "decoder.1")


@pytest.fixture(scope="module")
def scene(engine: Engine) -> Scene:
    return engine.scene(WAVE, "What?")


@pytest.mark.parametrize("mode", ["delta", "pre_topk", "post_topk", "keep", "additive"])
@pytest.mark.parametrize("positions", ["audio", "prompt"])
def test_random_sets_are_scaled_to_the_displacement_of_the_chosen_set(scene: Scene, mode: Mode, positions: str) -> None:
    chosen = Intervention.of([(k, 40 * v) for k, v in CHOSEN], mode=mode, positions=positions)
    wanted = displacement(scene, chosen)
    for one in random_sets(chosen, range(64), 4, 0):
        factor = matched(scene, one, wanted)
        assert displacement(scene, scaled(one, factor)) == pytest.approx(wanted, rel=2 * TOLERANCE)


def test_displacement_that_cannot_be_reached_gives_the_nearest(scene: Scene) -> None:
    reconstruction = displacement(scene, Intervention.of([(1, 0.0)]))
    assert matched(scene, Intervention.of([(1, 1.0)]), reconstruction / 10) == 0
    assert matched(scene, Intervention.of([(1, 1.0)], positions="none"), 5.0) == 5e5
    assert matched(scene, Intervention(), 5.0) == 1


def test_random_sets_have_the_size_and_values_of_the_chosen_one_and_none_of_its_features() -> None:
    chosen = Intervention.of(CHOSEN, mode="delta", positions="prompt", decode="steer")
    sets = random_sets(chosen, range(20), 5, 0)
    assert sets == random_sets(chosen, range(20), 5, 0)
    assert random_sets(chosen, range(20), 3, 0) == sets[:3]
    assert sets != random_sets(chosen, range(20), 5, 1)
    for one in sets:
        assert set(one.features).isdisjoint({1, 4, 6})
        assert sorted(one.values) == [1.5, 2.0, 3.0]
        assert (one.mode, one.positions, one.decode) == ("delta", "prompt", "steer")
    with pytest.raises(ArdError, match="only 2 other features are alive"):
        random_sets(chosen, [1, 2, 3], 1, 0)


def test_raw_units_are_those_that_tell_the_target_best() -> None:
    others = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.2, 1.0]])
    target = torch.tensor([[0.0, 5.0, 2.0], [1.0, 5.2, 2.4]])
    control, centre = unit_set(Intervention.of([(9, 1.0), (8, 1.0)], mode="keep"), target, others)
    assert control.mode == "delta"
    assert control.features == (1, 2)
    assert control.values == pytest.approx((5.1, 2.2))
    assert centre == pytest.approx((0.1, 1.0))


def test_replies_are_matched_on_every_clip_and_asked_once(engine: Engine, tmp_path: Path) -> None:
    chosen = Intervention.of([(1, 60.0)], mode="delta")
    (other,) = random_sets(chosen, range(64), 1, 0)
    unit = Intervention.of([(3, 1.0), (5, -2.0)], mode="delta")
    asks = [
        Ask(), Ask(chosen.reconstructed), Ask(chosen), Ask(other, matched=chosen),
        Ask(unit, matched=chosen, units=True, centre=(0.5, 0.0)),
    ]  # fmt: skip
    replies = Replies(engine, tmp_path, {"model": "tiny"}, Sampling(6))
    item = Item(Clip(record="a", path="a.wav"), "a", "a")
    found = replies.of(item, WAVE, "What?", asks)
    assert found[0].displacement == 0
    assert found[1].displacement > 0
    assert found[2].survived == 1
    for one in found[3:]:
        assert one.displacement == pytest.approx(found[2].displacement, rel=2 * TOLERANCE)
    again = Replies(engine, tmp_path, {"model": "tiny"}, Sampling(6))
    assert again.knows(item, "What?", asks)
    assert not again.knows(item, "Which?", asks)
    assert again.of(item, None, "What?", asks[::-1]) == found[::-1]
    assert not Replies(engine, tmp_path, {"model": "other"}, Sampling(6)).knows(item, "What?", asks)


def test_original_among_interventions_is_what_the_model_says(engine: Engine, tmp_path: Path) -> None:
    replies = Replies(engine, tmp_path, {}, Sampling(6))
    item = Item(Clip(record="a", path="a.wav"), "a", "a")
    (reply, _) = replies.of(item, WAVE, "What?", [Ask(), Ask(Intervention.of([(1, 9.0)]))])
    assert reply.text == engine.target.generate(WAVE, "What?", 6)


def test_values_are_absolute_or_multiples_of_the_sets_own() -> None:
    one = FeatureSet("a", (3, 5), (2.0, 4.0))
    assert [(o.feature, o.value) for o in one.at("1.5x")] == [(3, 3.0), (5, 6.0)]
    assert [(o.feature, o.value) for o in one.at("10")] == [(3, 10.0), (5, 10.0)]
    for bad in ("x", "", "nan", "infx", "1y"):
        with pytest.raises(ArdError, match="no value of a feature"):
            one.at(bad)


def test_candidates_are_the_sweep_unless_values_are_given() -> None:
    steering = Intervention(positions="prompt")
    own, given = FeatureSet("a", (3,), (2.0,)), FeatureSet("b", (3, 5), (2.0, -4.0), given=True)
    assert [one.value for one in candidates([own], (), ["keep"], steering)] == list(SWEEP)
    (found,) = candidates([given], (), ["keep", "pre_topk"], steering)
    assert (found.value, found.intervention.mode, found.intervention.positions) == ("1x", "keep", "prompt")
    with pytest.raises(ArdError, match="nothing to try"):
        candidates([given], (), ["pre_topk"], steering)


def test_features_are_mapped_by_whole_words_of_their_names_the_largest_m_first() -> None:
    columns = {
        "name": np.array(["a dog barking", "hotdogs", "Dogs", "dog", "cat"], dtype=object),
        "m": np.array([1.0, 9.0, 3.0, np.nan, 5.0]),
    }
    assert mapped(columns, ["dog"], "best") == [2]
    assert mapped(columns, ["dog", "cat"], "all") == [4, 2, 0]
    with pytest.raises(ArdError, match="no feature is named after cow"):
        mapped(columns, ["cow"], "best")
    with pytest.raises(ArdError, match="no names and scores"):
        mapped({"max": np.zeros(3)}, ["dog"], "best")


def test_mean_of_random_sets_has_the_clips_as_its_n() -> None:
    from backend.evaluate.intervals import wilson
    from backend.evaluate.sensitivity.outcome import Case
    from backend.evaluate.sensitivity.replies import Reply

    def shifted(count: int) -> Condition:
        cases = tuple(Case(False, True, i < count) for i in range(10))
        return Condition(cases, (Reply("a", 1, True, 0.0, "", 1.0, 2.02),) * 10)

    found = RandomSets((shifted(1), shifted(3)), (2.0,) * 10)
    assert found.mean == pytest.approx(0.2)
    assert found.largest.hits == 3
    assert found.interval == wilson(2, 10)
    assert found.mismatch() == pytest.approx(0.01)


def test_candidate_is_chosen_by_its_rate_above_chance_and_then_by_the_least_movement() -> None:
    from backend.evaluate.sensitivity.features import Candidate
    from backend.evaluate.sensitivity.measure import merit
    from backend.evaluate.sensitivity.outcome import Case
    from backend.evaluate.sensitivity.replies import Reply
    from backend.evaluate.sensitivity.result import Tried

    def tried(hits: int, moved: float, random: float = float("nan")) -> Tried:
        cases = tuple(Case(False, True, i < hits) for i in range(10))
        condition = Condition(cases, (Reply("a", 1, True, 0.0, "", 1.0, moved),) * 10)
        return Tried(Candidate(FeatureSet("a", (1,), (1.0,)), "1x", Intervention()), condition, random)

    weak, strong, far = tried(9, 5.0), tried(10, 20.0), tried(10, 30.0)
    assert max([weak, strong, far], key=merit) is strong
    assert max([weak, strong, far], key=lambda one: merit(one, enough=0.9)) is weak
    cheating = tried(10, 20.0, random=0.5)
    assert max([cheating, tried(9, 20.0, random=0.0)], key=merit) is not cheating
