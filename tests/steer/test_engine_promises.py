"""What the engine promises beside equal tokens: rows that do not see each other, seeds, ends, settings, short clips."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, product
from typing import Any

import numpy as np
import pytest
import torch

from backend.steer.answers import Sampling, kl_divergence
from backend.steer.engine import Scene, answer_kl
from backend.steer.intervention import DECODE, MODES, POSITIONS, Intervention
from backend.targets.base import Target
from builders.plain_answers import prepared, strong, without_end
from builders.plain_steering import KINDS, hooked

TOLERANCE = 1e-3


@pytest.fixture(params=["decoder.1", "encoder.0", "whisper"])
def scene(request: pytest.FixtureRequest, qwen: Target, whisper: Target, wave: np.ndarray) -> Scene:
    """Of a decoder layer, of the audio tower, and of Whisper's encoder."""
    if request.param == "whisper":
        return prepared(whisper, "encoder.1", "topk", wave, "")[0]
    return prepared(qwen, request.param, "topk", wave)[0]


def neighbours(scene: Scene, **settings: Any) -> list[Intervention]:
    return [strong(scene, times, **settings) for times in (0.0, 1.0, 2.0, 4.0, 8.0)]


def test_no_override_with_the_error_kept_is_the_original_exactly(scene: Scene) -> None:
    (original,) = scene.begin([None]).write(Sampling(3))
    for (positions, decode), mode in zip(product(POSITIONS, DECODE), cycle(MODES), strict=False):
        started = scene.begin([Intervention(mode=mode, positions=positions, decode=decode, add_error=True)])
        assert torch.equal(started.continuation.logits[0], scene.first)
        assert started.write(Sampling(3))[0] == original


def test_nothing_at_the_prefill_and_in_decoding_is_the_original(scene: Scene) -> None:
    for mode in MODES:
        started = scene.begin([strong(scene, mode=mode, positions="none")])
        assert torch.equal(started.continuation.logits[0], scene.first)
        assert started.first_kl() == [0.0]


@pytest.mark.parametrize("decode", DECODE)
def test_neighbours_in_a_batch_are_what_each_is_alone(scene: Scene, decode: str) -> None:
    """Logits within a tolerance; a token may only differ where the two best are nearer than that."""
    wanted = [*neighbours(scene, decode=decode), None]
    alone = [scene.begin([one]) for one in wanted]
    together = scene.begin(wanted)
    logits = torch.cat([one.continuation.logits for one in alone])
    torch.testing.assert_close(together.continuation.logits, logits, atol=TOLERANCE, rtol=0)
    assert together.rows.survived == [one.rows.survived[0] for one in alone]
    for batched, one in zip(together.write(Sampling(4)), alone, strict=True):
        (single,) = one.write(Sampling(4))
        for ours, theirs in zip(batched.tokens, single.tokens, strict=True):
            if ours.id != theirs.id:
                (_, best), (_, second) = theirs.top[:2]
                assert np.log(best / second) < 2 * TOLERANCE
                break


@pytest.mark.parametrize("decode", DECODE)
def test_answers_that_go_on_are_not_changed_by_those_that_end(scene: Scene, decode: str) -> None:
    wanted = neighbours(scene, decode=decode)
    free = [answer.ids for answer in scene.begin(wanted).write(Sampling(6))]
    # the second token of two answers ends every answer it occurs in: more than half are gone when it has come
    ends = frozenset({free[0][1], free[1][1], free[2][1]})
    scene.prefix.ends = ends
    answers = scene.begin(wanted).write(Sampling(6))
    assert [answer.ids for answer in answers] == [without_end(ids, ends) for ids in free]
    assert [answer.ended for answer in answers] == [any(i in ends for i in ids) for ids in free]
    assert sum(answer.ended for answer in answers) >= 3


def test_dropping_rows_leaves_the_others_their_logits(scene: Scene) -> None:
    wanted = neighbours(scene, decode="steer")
    whole, part = scene.begin(wanted), scene.begin(wanted)
    kept = torch.tensor([1, 3])
    part.continuation.keep(kept)
    part.steps.keep(kept)
    chosen = whole.continuation.logits.argmax(dim=1)
    whole.continuation.extend(chosen)
    part.continuation.extend(chosen[kept])
    torch.testing.assert_close(part.continuation.logits, whole.continuation.logits[kept], atol=TOLERANCE, rtol=0)


def test_drawn_answers_repeat_with_their_seed_in_every_batch(scene: Scene) -> None:
    wanted = neighbours(scene)

    def drawn(interventions: list[Intervention], seed: int) -> list[list[int]]:
        sampling = Sampling(max_new_tokens=5, temperature=1.0, seed=seed)
        return [answer.ids for answer in scene.begin(interventions).write(sampling)]

    first = drawn(wanted, 7)
    assert drawn(wanted, 7) == first
    assert drawn(wanted[2:3], 7) == first[2:3]
    assert any(drawn(wanted, seed) != first for seed in range(3))
    assert drawn(wanted[:2], 7) == first[:2]


@pytest.mark.parametrize("layer", ["decoder.0", "encoder.0"])
@pytest.mark.parametrize("samples", [321, 640, 960])
def test_a_clip_of_one_audio_token_is_steered_like_any_other(qwen: Target, layer: str, samples: int) -> None:
    clip = (0.1 * np.random.default_rng(1).standard_normal(samples)).astype(np.float32)
    scene, plain = prepared(qwen, layer, "topk", clip)
    if layer == "decoder.0":
        assert len(scene.prefix.audio) == 1
    for wanted in (None, strong(scene), strong(scene, mode="delta", positions="prompt", decode="steer")):
        expected = plain(wanted)
        started = scene.begin([wanted, wanted])
        torch.testing.assert_close(started.continuation.logits[1], expected.logits[0], atol=2e-4, rtol=2e-4)
        assert [answer.ids for answer in started.write(Sampling(4))] == [expected.ids, expected.ids]


@contextmanager
def configured(target: Any, changes: dict[str, Any]) -> Iterator[None]:
    """Generation settings of a model, changed for a while."""
    config = target.model.generation_config
    before = {name: getattr(config, name) for name in changes}
    for name, value in changes.items():
        # timestamps stay suppressed: Whisper's generate makes segments of them
        both = name == "suppress_tokens" and before[name]
        setattr(config, name, sorted({*value, *before[name]}) if both else value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)


EVEN = list(range(0, 256, 2))
COMMON: list[dict[str, Any]] = [
    {"repetition_penalty": 1.3},
    {"suppress_tokens": EVEN},
    {"begin_suppress_tokens": list(range(200))},
    {"no_repeat_ngram_size": 1},
    {"sequence_bias": [[[17], 30.0]]},
]
CHAT: list[dict[str, Any]] = [
    {"bad_words_ids": [[i] for i in EVEN]},
    {"eos_token_id": EVEN, "min_new_tokens": 3},
    {"eos_token_id": EVEN, "min_length": 92},
    {"eos_token_id": EVEN, "exponential_decay_length_penalty": (1, 1.5), "begin_suppress_tokens": EVEN},
]


@pytest.mark.parametrize(
    ("family", "changes"),
    [*product(("qwen", "whisper"), COMMON), *product(("qwen",), CHAT)],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_generation_settings_are_those_of_generate(
    family: str, changes: dict[str, Any], qwen: Target, whisper: Target, wave: np.ndarray
) -> None:
    target, layer, prompt = (qwen, "decoder.1", "What?") if family == "qwen" else (whisper, "encoder.1", "")
    usual, _ = prepared(target, layer, "topk", wave, prompt)
    with configured(target, changes):
        scene, plain = prepared(target, layer, "topk", wave, prompt)
        differs = False
        for wanted in (None, strong(scene)):
            expected = plain(wanted, 5)
            (answer,) = scene.begin([wanted]).write(Sampling(5))
            assert answer.ids == without_end(expected.ids, scene.prefix.ends)
            best = float(torch.softmax(expected.scores[0], dim=-1).max())
            if answer.tokens:
                assert answer.tokens[0].top[0][1] == pytest.approx(best, abs=1e-3)
            differs |= answer.ids != usual.begin([wanted]).write(Sampling(5))[0].ids
    assert differs, "the setting changes no answer, so nothing is tested"


@pytest.mark.parametrize("kind", KINDS)
def test_kl_of_an_answer_is_that_of_a_whole_forward_over_it(qwen: Any, wave: np.ndarray, kind: str) -> None:
    scene, plain = prepared(qwen, "decoder.1", kind, wave)
    original = plain(None).ids
    wanted = [strong(scene, decode="steer"), strong(scene, mode="delta"), None]
    # the end of the answer counts too
    ids = torch.tensor([[*plain.inputs["input_ids"][0].tolist(), *original]])  # type: ignore[attr-defined]
    inputs = {**plain.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}  # type: ignore[attr-defined]

    def logits(intervention: Intervention | None) -> torch.Tensor:
        prompt = ids.shape[1] - len(original)
        with hooked(qwen.module("decoder.1")[1], plain.sae, intervention, plain.audio, prompt=prompt):
            found: torch.Tensor = qwen.model(**inputs, use_cache=False).logits[0, prompt - 1 :]
        return found

    expected = [float(kl_divergence(logits(None), logits(one)).mean()) for one in wanted]
    assert answer_kl(scene, wanted, original) == pytest.approx(expected, abs=1e-4)
    assert expected[0] > 0.01
    assert expected[2] == 0


def test_kl_counts_what_only_the_original_rules_out_as_nothing() -> None:
    ruled_out = float("-inf")
    p = torch.tensor([[0.0, 0.0, ruled_out], [0.0, 0.0, 0.0]])
    q = torch.tensor([[0.0, 0.0, ruled_out], [0.0, 0.0, ruled_out]])
    assert kl_divergence(p, q).tolist() == [0.0, float("inf")]
    assert kl_divergence(p[:1], torch.zeros(1, 3))[0] == pytest.approx(np.log(1.5))


def test_no_speech_is_the_softmax_after_the_start_of_the_transcript(whisper: Any, wave: np.ndarray) -> None:
    scene, plain = prepared(whisper, "encoder.1", "topk", wave, "")
    wanted = strong(scene, mode="delta")
    token = whisper.processor.tokenizer.convert_tokens_to_ids("<|nospeech|>")
    start = torch.tensor([[whisper.model.generation_config.decoder_start_token_id]])
    for one in (None, wanted):
        with hooked(whisper.module("encoder.1")[1], plain.sae, one, plain.audio):
            logits = whisper.model(plain.features, decoder_input_ids=start).logits[0, 0]  # type: ignore[attr-defined]
        found = scene.begin([one]).continuation.no_speech  # type: ignore[attr-defined]
        assert float(found[0]) == pytest.approx(float(logits.softmax(0)[token]), rel=1e-3)


def test_rows_of_many_languages_have_the_prompt_each_has_alone(multilingual: Any, wave: np.ndarray) -> None:
    scene, _ = prepared(multilingual, "encoder.0", "topk", wave, "")
    wanted = [None, *(Intervention.of([(k, 40.0)], mode="additive", positions="prompt") for k in range(12))]
    rows = scene.rows(wanted).x
    encoded = scene.prefix.continue_from(rows).encoded  # type: ignore[attr-defined]
    prompts = scene.prefix.prompts(encoded)  # type: ignore[attr-defined]
    alone = [scene.prefix.prompts(encoded[i : i + 1])[0] for i in range(len(wanted))]  # type: ignore[attr-defined]
    assert prompts.tolist() == [one.tolist() for one in alone]
    assert len({row[1] for row in prompts.tolist()}) == 2, "every row has the same language, so nothing is tested"
