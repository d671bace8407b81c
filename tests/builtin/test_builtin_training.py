"""Training the built-in model: prompts, packed rows, batches, resuming, answers that can only come from the audio."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from backend.builtin import train as train_module
from backend.builtin.architecture import save
from backend.builtin.attention import attend, grouped_attention
from backend.builtin.batches import Batches, Disturbance, Encoded, Scale, plain_batches
from backend.builtin.examples import Example
from backend.builtin.packing import IGNORED, pack, predict
from backend.builtin.prompts import Prompts
from backend.builtin.train import CHECKPOINT, Material, Trained, standardised, train
from backend.builtin.trainer import TrainSettings
from backend.errors import ArdError, Stopped
from backend.jobs.events import Event, EventLog
from backend.jobs.job import Job, quiet_job
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from backend.train.log import read_metrics
from builders.tiny_builtin import (
    QUESTIONS,
    RATE,
    TinyModel,
    dialogue_of,
    encoded_tones,
    realise_tone,
    tiny_model,
    tone_dialogues,
)

NONE = Disturbance(noise=0.0, masks=0, channel_dropout=0.0)
QUICK = TrainSettings(
    steps=12, batch=4, warmup_steps=4, validate_every=4, branch_dropout=0.1, matmul="float32", device="cpu"
)


@pytest.fixture
def tiny(tmp_path: Path) -> TinyModel:
    torch.set_num_threads(1)
    return tiny_model(tmp_path / "tiny")


@pytest.fixture
def tones(tiny: TinyModel, tmp_path: Path) -> tuple[list[Encoded], list[Encoded]]:
    return encoded_tones(tiny, tmp_path / "encoded")


def material(tones: tuple[list[Encoded], list[Encoded]], **changes: Any) -> Material:
    return dataclasses.replace(Material(*tones, dialogues=tone_dialogues), **changes)


def run(
    tiny: TinyModel, tones: tuple[list[Encoded], list[Encoded]], folder: Path, settings: TrainSettings = QUICK,
    job: Job | None = None, **changes: Any,
) -> Trained:  # fmt: skip
    return train(
        tiny.model, tiny.processor, material(tones, **changes), settings, folder=folder, job=job or quiet_job()
    )


def watched() -> tuple[Job, list[Event]]:
    events: list[Event] = []
    return Job(EventLog(None, "test", (events.append,))), events


# prompts and packed rows


@pytest.mark.parametrize("question", [*QUESTIONS, "¿Qué   oyes?\n", "", " two  spaces "])
def test_a_prompt_is_token_for_token_the_processors(tiny: TinyModel, question: str) -> None:
    content = [{"type": "audio", "audio_url": ""}, {"type": "text", "text": question}]
    text = tiny.processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    wave = np.zeros(RATE, np.float32)
    expected = tiny.processor(text=text, audio=[wave], sampling_rate=RATE)["input_ids"][0]
    prompts = Prompts(tiny.processor)
    assert [*prompts.prefix(25), *prompts.question(question)] == list(expected)


def test_an_answer_ends_where_generation_ends(tiny: TinyModel) -> None:
    assert Prompts(tiny.processor).answer("No.")[-1] == tiny.model.generation_config.eos_token_id


def one_by_one(tiny: TinyModel, waves: Sequence[np.ndarray], dialogues: Sequence[Any]) -> tuple[float, int]:
    """Σ −ln p and number of answer tokens: every question in a prompt of its own, with the class's own loss."""
    prompts, total, tokens = Prompts(tiny.processor), 0.0, 0
    for wave, dialogue in zip(waves, dialogues, strict=True):
        for question, said in dialogue:
            inputs = tiny.processor(text="<|AUDIO|>", audio=[wave], sampling_rate=RATE, return_tensors="pt")
            prefix = prompts.prefix(int((inputs["input_ids"] == prompts.audio_id).sum()))
            asked, answer = (*prefix, *prompts.question(question)), prompts.answer(said)
            labels = [*[-100] * len(asked), *answer]
            ids = torch.tensor([[*asked, *answer]])
            with torch.no_grad():
                loss = tiny.model(
                    input_ids=ids, attention_mask=torch.ones_like(ids), labels=torch.tensor([labels]),
                    input_features=inputs["input_features"], feature_attention_mask=inputs["feature_attention_mask"],
                ).loss  # fmt: skip
            total += float(loss) * len(answer)
            tokens += len(answer)
    return total, tokens


def test_the_packed_loss_is_that_of_every_question_alone(
    tiny: TinyModel, tones: tuple[list[Encoded], list[Encoded]]
) -> None:
    members = tones[0][:5]
    dialogues = [tone_dialogues(member.example, i) for i, member in enumerate(members)]
    features = [np.float32(member.rows) for member in members]
    batch = pack(Prompts(tiny.processor), features, dialogues)
    with torch.no_grad():
        predicted = predict(tiny.model, batch, count=True)
    total, tokens = one_by_one(tiny, [realise_tone(member.example) for member in members], dialogues)
    assert predicted.tokens == batch.answer_tokens == tokens
    assert predicted.answers == 15
    assert float(predicted.loss) == pytest.approx(total, rel=1e-4)


def test_the_packed_gradient_is_that_of_every_question_alone(
    tiny: TinyModel, tones: tuple[list[Encoded], list[Encoded]]
) -> None:
    prompts, member = Prompts(tiny.processor), tones[0][0]
    rows, dialogue = np.float32(member.rows), dialogue_of("low")
    weight = tiny.model.model.language_model.layers[0].self_attn.k_proj.weight

    def gradient(audio: list[np.ndarray], dialogues: list[Any]) -> torch.Tensor:
        (found,) = torch.autograd.grad(predict(tiny.model, pack(prompts, audio, dialogues)).loss, weight)
        return found

    apart = gradient([rows] * 3, [[pair] for pair in dialogue])
    torch.testing.assert_close(gradient([rows], [dialogue]), apart, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("matmul", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.02)])
def test_grouped_attention_is_the_librarys_attention(
    tiny: TinyModel, tones: tuple[list[Encoded], list[Encoded]], matmul: str, tolerance: float
) -> None:
    members = tones[0][:4]
    batch = pack(
        Prompts(tiny.processor),
        [np.float32(member.rows) for member in members],
        [tone_dialogues(member.example, 0)[: 1 + i % 3] for i, member in enumerate(members)],
    )
    with torch.no_grad():
        expected = float(predict(tiny.model, batch).loss)
        with grouped_attention(tiny.model), torch.autocast("cpu", torch.bfloat16, enabled=matmul == "bfloat16"):
            found = float(predict(tiny.model, batch).loss)
    assert found == pytest.approx(expected, rel=tolerance)
    assert tiny.model.model.language_model.config._attn_implementation == "sdpa"


def test_query_heads_that_share_keys_attend_as_in_the_library() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, heads, 5, 8, generator=generator) for heads in (6, 2, 2))
    mask = torch.full((5, 5), torch.finfo(torch.float32).min).triu(1)[None, None]
    found, _ = attend(torch.nn.Identity(), query, key, value, mask, scaling=0.3)
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=0.3, enable_gqa=True
    )
    torch.testing.assert_close(found, expected.transpose(1, 2))


def test_no_answer_sees_another_question(tiny: TinyModel, tones: tuple[list[Encoded], list[Encoded]]) -> None:
    prompts, rows = Prompts(tiny.processor), np.float32(tones[0][0].rows)
    dialogue = dialogue_of("low")

    def second(first_question: str) -> float:
        batch = pack(prompts, [rows], [[(first_question, "Yes."), dialogue[1]]])
        only = torch.where(batch.branch == 2, batch.targets, IGNORED)
        with torch.no_grad():
            return float(predict(tiny.model, dataclasses.replace(batch, targets=only)).loss)

    assert second("Is it loud?") == pytest.approx(second("And what about this rather longer question?"), rel=1e-5)


def test_an_answer_is_right_when_all_its_tokens_are(tiny: TinyModel, tones: Any) -> None:
    batch = pack(Prompts(tiny.processor), [np.float32(tones[0][0].rows)], [dialogue_of("low")[:2]])
    asked = batch.targets != IGNORED
    with torch.no_grad():
        # makes all tokens equally likely, and of equals the first is taken
        tiny.model.model.language_model.norm.weight.zero_()
    targets = torch.where(asked, 0, IGNORED)
    assert predict(tiny.model, dataclasses.replace(batch, targets=targets), count=True).right_answers == 2
    last = int(torch.nonzero(asked[0]).max())
    targets[0, last] = 1
    predicted = predict(tiny.model, dataclasses.replace(batch, targets=targets), count=True)
    assert (predicted.right_answers, predicted.answers) == (1, 2)
    assert predicted.right_tokens == predicted.tokens - 1


# batches


def batches(tiny: TinyModel, tones: Any, disturbance: Disturbance = NONE, seed: int = 0) -> Batches:
    return Batches(
        tones[0], Prompts(tiny.processor), tone_dialogues, Scale.of(tones[0]),
        size=5, disturbance=disturbance, seed=seed,
    )  # fmt: skip


def test_an_epoch_holds_every_example_once(tiny: TinyModel, tones: Any) -> None:
    of = batches(tiny, tones)
    lengths = sorted(len(member.rows) for member in tones[0])
    for epoch in (0, 1):
        seen = [of(epoch * of.per_epoch + i) for i in range(of.per_epoch)]
        found = [int(n) for batch in seen for n in (batch.ids == of.prompts.audio_id).sum(1)]
        assert sorted(found) == lengths


def test_a_batch_follows_from_its_number_alone(tiny: TinyModel, tones: Any) -> None:
    one, other = batches(tiny, tones, Disturbance()), batches(tiny, tones, Disturbance())
    for _ in range(4):
        one(0)
    for number in (4, 1):
        first, second = one(number), other(number)
        assert torch.equal(first.ids, second.ids)
        assert torch.equal(first.audio, second.audio)
    assert not torch.equal(batches(tiny, tones, seed=1)(1).audio, batches(tiny, tones)(1).audio)


def test_questions_change_with_the_epoch(tiny: TinyModel, tones: Any) -> None:
    epochs: set[int] = set()

    def dialogues(example: Example, epoch: int) -> Any:
        epochs.add(epoch)
        return tone_dialogues(example, epoch)

    of = batches(tiny, tones)
    of.dialogues = dialogues
    of(0), of(of.per_epoch), of(7 * of.per_epoch)
    assert epochs == {0, 1, 7}


def test_scaled_features_have_mean_0_and_deviation_1(tones: Any) -> None:
    scale = Scale.of(tones[0])
    rows = np.concatenate([scale.apply(member.rows) for member in tones[0]])
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(rows.std(0), 1, atol=1e-3)


def test_a_disturbance_of_nothing_changes_nothing() -> None:
    features = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    np.testing.assert_array_equal(NONE.apply(features, np.random.default_rng(1)), features)


def test_masks_leave_most_of_a_clip() -> None:
    features = np.ones((40, 4), np.float32)
    disturbance = Disturbance(noise=0.0, masks=2, mask_tokens=100, channel_dropout=0.0)
    shares = [disturbance.apply(features, np.random.default_rng(i)).mean() for i in range(50)]
    assert 0.5 <= min(shares) < max(shares) <= 1.0
    assert disturbance.apply(np.ones((1, 4), np.float32), np.random.default_rng(0)).all()


def test_dropped_channels_are_dropped_throughout_a_clip() -> None:
    features = np.ones((30, 400), np.float32)
    found = Disturbance(noise=0.0, masks=0, channel_dropout=0.25).apply(features, np.random.default_rng(0))
    assert (found == found[0]).all()
    assert 0.15 < (found[0] == 0).mean() < 0.35
    assert found.mean() == pytest.approx(1.0, abs=0.1)


# training


def test_the_projector_of_standardised_features_gives_the_same(tiny: TinyModel, tones: Any) -> None:
    scale, rows = Scale.of(tones[0]), tones[0][0].rows
    projector = tiny.model.model.multi_modal_projector
    before = projector.linear.weight.detach().clone()
    with torch.no_grad():
        outside = projector(torch.from_numpy(np.float32(rows)))
        with standardised(tiny.model, scale):
            inside = projector(torch.from_numpy(scale.apply(rows)))
    torch.testing.assert_close(inside, outside, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(projector.linear.weight, before)


def test_the_loss_falls_and_the_saved_model_answers_what_only_the_audio_tells(tiny: TinyModel, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, steps=250, batch=10, lr=5e-3, warmup_steps=10, validate_every=50)
    settings = dataclasses.replace(settings, disturbance=Disturbance(noise=0.05, masks=1, channel_dropout=0.0))
    tones = encoded_tones(tiny, tmp_path / "encoded", each=10)
    trained = run(tiny, tones, tmp_path / "run", settings)
    losses = [line["loss"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl")]
    assert losses[-1] < losses[0] / 10
    assert trained.validation["answer_accuracy"] == 1.0
    target = load_target(ModelSection(path=str(save(tiny.model, tiny.processor, tmp_path / "model")), device="cpu"))
    for member in tones[1]:
        wave = realise_tone(member.example)
        for question, answer in tone_dialogues(member.example, 0):
            assert target.generate(wave, question, 16) == answer


def test_the_tower_stays_as_it_was(tiny: TinyModel, tones: Any, tmp_path: Path) -> None:
    before = tiny.encoder.fingerprint
    run(tiny, tones, tmp_path / "run")
    assert tiny.encoder.fingerprint == before
    assert tiny.model.lm_head.weight is tiny.model.get_input_embeddings().weight
    assert not any(parameter.requires_grad for parameter in tiny.model.parameters())


class StopAt(Job):
    """A job that is asked to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(EventLog(None, "none"))
        self.left = steps

    def stop_requested(self) -> bool:
        self.left -= 1
        return self.left <= 0


@pytest.mark.parametrize("stops", [[5], [4], [2, 3, 1]])
def test_an_interrupted_training_ends_in_the_same_bits(tmp_path: Path, stops: list[int]) -> None:
    folders = []
    for name, interruptions in (("whole", []), ("parts", stops)):
        folder = tmp_path / name / "run"
        for stop in [*interruptions, None]:
            tiny = tiny_model(tmp_path / name / "tiny")
            tones = encoded_tones(tiny, tmp_path / name / "encoded")
            if stop is None:
                run(tiny, tones, folder)
            else:
                with pytest.raises(Stopped):
                    run(tiny, tones, folder, job=StopAt(stop))
        folders.append((folder, tiny.model.state_dict()))
    (whole, expected), (parts, found) = folders
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    states = [load_file(folder / CHECKPOINT) for folder in (whole, parts)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    lines = [[{**line, "seconds": 0} for line in read_metrics(folder / "metrics.jsonl")] for folder in (whole, parts)]
    assert lines[0] == lines[1]


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    results = []
    for _ in range(2):
        tiny = tiny_model(tmp_path / "tiny")
        job, events = watched()
        trained = run(tiny, encoded_tones(tiny, tmp_path / "encoded"), tmp_path / "run", job=job)
        results.append((trained, tiny.model.state_dict(), any(event["type"] == "metric" for event in events)))
    (first, weights, worked), (second, again, worked_again) = results
    assert worked
    assert not worked_again
    assert dataclasses.replace(first, seconds=0.0) == dataclasses.replace(second, seconds=0.0)
    assert all(torch.equal(tensor, again[name]) for name, tensor in weights.items())


@pytest.mark.parametrize("change", ["settings", "questions", "examples"])
def test_a_checkpoint_of_another_training_is_not_continued(tmp_path: Path, change: str) -> None:
    tiny = tiny_model(tmp_path / "tiny")
    train_, validation = encoded_tones(tiny, tmp_path / "encoded")
    run(tiny, (train_, validation), tmp_path / "run")
    tiny = tiny_model(tmp_path / "tiny")
    job, events = watched()
    settings = dataclasses.replace(QUICK, seed=1) if change == "settings" else QUICK
    members = train_[1:] if change == "examples" else train_
    run(tiny, (members, validation), tmp_path / "run", settings, job, version="2" if change == "questions" else "")
    assert [e["done"] for e in events if e["type"] == "progress"][-1] == 12
    assert min(event["step"] for event in events if event["type"] == "metric") <= 4


def test_the_number_of_steps_is_what_fits_into_the_minutes(
    tiny: TinyModel, tones: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "SETTLING_STEPS", 1)
    monkeypatch.setattr(train_module, "MEASURED_STEPS", 3)
    job, events = watched()
    trained = run(tiny, tones, tmp_path / "run", dataclasses.replace(QUICK, steps=None, minutes=0.03), job)
    assert trained.steps > 4
    assert trained.seconds < 10
    (plan,) = [event["text"] for event in events if event["type"] == "message"]
    assert f"{trained.steps} steps" in plan


def test_no_example_is_seen_more_often_than_allowed(tiny: TinyModel, tones: Any, tmp_path: Path) -> None:
    trained = run(tiny, tones, tmp_path / "run", dataclasses.replace(QUICK, steps=100, most_epochs=2))
    assert trained.epochs == 2


def test_without_progress_training_ends_early_and_the_best_weights_are_kept(
    tiny: TinyModel, tones: Any, tmp_path: Path
) -> None:
    def misleading(example: Example, epoch: int) -> list[tuple[str, str]]:
        true = dialogue_of(example.id.rsplit("-", 1)[0])
        return true if example.split == "train" else [(question, "Zebra!") for question, _ in true]

    settings = dataclasses.replace(QUICK, steps=400, lr=3e-3, patience=3, validate_every=5)
    trained = run(tiny, tones, tmp_path / "run", settings, dialogues=misleading)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    losses = {line["step"]: line["validation_loss"] for line in lines if "validation_loss" in line}
    assert trained.steps == trained.best_step + 3 * 5 < 400
    assert min(losses, key=lambda step: losses[step]) == trained.best_step
    kept = load_file(tmp_path / "run" / CHECKPOINT)["best.model.language_model.norm.weight"]
    assert torch.equal(tiny.model.model.language_model.norm.weight, kept)


def test_training_to_the_last_step_keeps_the_last_weights_unless_others_were_clearly_better(
    tiny: TinyModel, tones: Any, tmp_path: Path
) -> None:
    trained = run(tiny, tones, tmp_path / "run", dataclasses.replace(QUICK, steps=60, lr=3e-3, validate_every=5))
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    right = {line["step"]: line["answer_accuracy"] for line in lines if "answer_accuracy" in line}
    best, answers = max(right.values()), trained.validation["answers"]
    error = (best * (1 - best) / answers) ** 0.5
    expected = 60 if best - right[60] <= error else next(step for step, value in right.items() if value == best)
    assert trained.best_step == expected
    state = load_file(tmp_path / "run" / CHECKPOINT)
    kept = state[("weights" if expected == 60 else "best") + ".model.language_model.norm.weight"]
    assert torch.equal(tiny.model.model.language_model.norm.weight, kept)


def test_a_gradient_that_is_not_finite_is_named(tiny: TinyModel, tones: Any, tmp_path: Path) -> None:
    with torch.no_grad():
        tiny.model.model.language_model.norm.weight[0] = float("inf")
    with pytest.raises(ArdError, match="not a finite number at step 0"):
        run(tiny, tones, tmp_path / "run")


def test_bfloat16_inside_products_keeps_float32_weights(tiny: TinyModel, tones: Any, tmp_path: Path) -> None:
    trained = run(tiny, tones, tmp_path / "run", dataclasses.replace(QUICK, matmul="bfloat16"))
    assert np.isfinite(trained.validation["loss"])
    assert {parameter.dtype for parameter in tiny.model.parameters()} == {torch.float32}


def test_the_rate_rises_then_falls_to_its_last_share() -> None:
    settings = TrainSettings(lr=1.0, warmup_steps=10, last_lr=0.1)
    assert settings.lr_at(0, None) == settings.lr_at(0, 100) == pytest.approx(0.1)
    assert settings.lr_at(10, None) == settings.lr_at(10, 100) == pytest.approx(1.0)
    assert settings.lr_at(55, 100) == pytest.approx(0.55)
    assert settings.lr_at(100, 100) == pytest.approx(0.1)


def test_validation_is_undisturbed_and_asks_the_first_epochs_questions(tiny: TinyModel, tones: Any) -> None:
    prompts, scale = Prompts(tiny.processor), Scale.of(tones[0])
    (batch,) = plain_batches(tones[1], prompts, tone_dialogues, scale, size=100)
    ordered = sorted(tones[1], key=lambda member: len(member.rows))
    expected = torch.from_numpy(np.concatenate([scale.apply(member.rows) for member in ordered]))
    assert torch.equal(batch.audio, expected)
