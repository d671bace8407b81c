from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backend.audio.augment import fit, gain, mix, power
from backend.audio.load import Wave
from backend.errors import ArdError
from backend.store import clips as clip_table
from backend.store.clips import Clip, ClipTable
from backend.streams.augmentation import Augmentation
from backend.streams.draws import EpochDraws, WeightedDraws, dataset_probabilities
from backend.study.settings import ExtractSection


def table_of(folder: Path, sizes: list[int], train: list[bool] | None = None) -> ClipTable:
    """`sizes[d]` clips in data set d."""
    clips: list[Clip] = []
    for dataset, size in enumerate(sizes):
        for number in range(size):
            use = train is None or train[dataset]
            clips.append(Clip(record=f"{dataset}/{number}", path="x", index=len(clips), dataset=dataset, train=use))
    clip_table.write(folder / "clips.h5", clips, [], [str(folder)] * len(sizes))
    return ClipTable(folder / "clips.h5")


def test_weights_1_by_100_and_5_by_20_clips_are_equally_probable() -> None:
    assert dataset_probabilities({0: 100, 1: 20}, {0: 1.0, 1: 5.0}) == {0: 0.5, 1: 0.5}


def test_draws_follow_the_probabilities_and_are_uniform_within_a_data_set(tmp_path: Path) -> None:
    draws = WeightedDraws(table_of(tmp_path, [100, 20]), {0: 1.0, 1: 5.0}, seed=0)
    counts = Counter(draws[i] for i in range(8000))
    small = [counts[clip] for clip in range(100, 120)]
    # 4000 expected with standard deviation 44.7; each small clip 200 with 14
    assert abs(sum(small) - 4000) < 200
    assert min(small) > 140
    assert max(small) < 260


def test_draw_depends_on_its_number_alone(tmp_path: Path) -> None:
    table = table_of(tmp_path, [10, 10])
    one = WeightedDraws(table, {0: 1.0, 1: 2.0}, seed=4)
    other = WeightedDraws(table, {0: 1.0, 1: 2.0}, seed=4)
    assert [one[i] for i in range(50)] == [other[i] for i in reversed(range(50))][::-1]


def test_epoch_draws_every_training_clip_once(tmp_path: Path) -> None:
    draws = EpochDraws(table_of(tmp_path, [4, 3, 5], [True, False, True]), seed=2)
    epoch = [draws[i] for i in range(9)]
    assert sorted(epoch) == [0, 1, 2, 3, 7, 8, 9, 10, 11]
    assert draws.clips == 9
    assert sorted(draws[i] for i in range(9, 18)) == sorted(epoch)


def test_study_without_training_clips_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no clip of this study trains"):
        EpochDraws(table_of(tmp_path, [3], [False]), seed=0)


@pytest.mark.parametrize("snr", [0.0, 3.7, 20.0])
def test_power_ratio_of_a_mixture_is_the_asked_ratio_to_a_millionth_decibel(snr: float) -> None:
    generator = np.random.default_rng(0)
    speech = (0.1 * generator.standard_normal(16000)).astype(np.float32)
    noise = (0.7 * generator.standard_normal(16000)).astype(np.float32)
    added = gain(power(speech), power(noise), snr) * noise.astype(np.float64)
    assert abs(10 * np.log10(power(speech) / power(added)) - snr) < 1e-6
    mixed = mix(speech, noise, snr)
    np.testing.assert_allclose(mixed, speech + added, atol=1e-7)


def test_loud_mixture_is_scaled_to_its_peak_and_keeps_the_ratio() -> None:
    speech = np.array([0.9, -0.9, 0.9, -0.9], np.float32)
    noise = np.array([0.5, 0.5, -0.5, -0.5], np.float32)
    mixed = mix(speech, noise, 0.0)
    np.testing.assert_allclose(mixed, [1.0, 0.0, 0.0, -1.0], atol=1e-7)


def test_loud_clip_is_not_scaled_where_nothing_is_added() -> None:
    speech = np.array([1.5, -1.5], np.float32)
    assert mix(speech, np.zeros(2, np.float32), 10.0).tolist() == [1.5, -1.5]


def test_short_interferer_is_looped_and_long_one_cut() -> None:
    x = np.array([1.0, 2.0, 3.0], np.float32)
    assert fit(x, 5, 2).tolist() == [3.0, 1.0, 2.0, 3.0, 1.0]
    assert fit(x, 2, 0).tolist() == [1.0, 2.0]
    assert fit(x[:0], 2, 0).tolist() == [0.0, 0.0]


def augmentation_of(folder: Path, noise: float, music: float) -> Augmentation | None:
    for name, value in (("noise", 0.1), ("music", 0.2)):
        (folder / name).mkdir(exist_ok=True)
        soundfile.write(folder / name / "a.wav", np.full(800, value), 16000)
    section = ExtractSection(
        noise_probability=noise,
        music_probability=music,
        noise_path=str(folder / "noise"),
        music_path=str(folder / "music"),
        snr_db=(10.0, 10.0),
    )
    return Augmentation.of(section, seed=1)


def test_noise_and_music_are_added_independently_with_their_chances(tmp_path: Path) -> None:
    augment = augmentation_of(tmp_path, 0.3, 0.1)
    assert augment is not None
    speech = (Wave(np.tile(np.array([0.2, -0.2], np.float32), 200), 0.0),)
    g = 0.2 / 10**0.5
    kinds = Counter(round((float(augment(speech, i, 16000)[0].samples.mean())) / g, 2) for i in range(3000))
    # noise and music are constants, so both raise the mean by the same gain; together a little more than twice
    none, one = kinds[0.0], kinds[1.0]
    assert abs(none / 3000 - 0.7 * 0.9) < 0.03
    assert abs(one / 3000 - (0.3 * 0.9 + 0.1 * 0.7)) < 0.03


def test_same_draw_is_augmented_the_same_way(tmp_path: Path) -> None:
    augment = augmentation_of(tmp_path, 1.0, 1.0)
    assert augment is not None
    wave = (Wave(np.linspace(-0.5, 0.5, 1000, dtype=np.float32), 0.0),)
    assert np.array_equal(augment(wave, 12, 16000)[0].samples, augment(wave, 12, 16000)[0].samples)
    assert not np.array_equal(augment(wave, 12, 16000)[0].samples, wave[0].samples)


def test_nothing_asked_adds_nothing() -> None:
    assert Augmentation.of(ExtractSection(), seed=0) is None


def test_empty_folder_of_noise_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no recording to augment with"):
        Augmentation.of(ExtractSection(noise_probability=0.1, noise_path=str(tmp_path)), seed=0)
