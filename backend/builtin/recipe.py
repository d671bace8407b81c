"""The whole recipe of the built-in model: from packages to a model folder with its card, embedder, clips and SAE.

Every step is resumable and does nothing where its result is current. Changing a label and running again is all that
a maintainer needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from backend.builtin.architecture import Sizes
from backend.builtin.clips import ClipChoice
from backend.builtin.compose import ComposeSettings
from backend.builtin.dictionary import DictionarySettings
from backend.builtin.evaluate import EvaluateSettings
from backend.builtin.examples import Example, Recording, read_examples, read_recordings
from backend.builtin.train_embedder import EmbedderTraining
from backend.builtin.trainer import TrainSettings
from backend.errors import ArdError
from backend.jobs.job import Job
from backend.resources import resource

NAME = "ARD's built-in audio language model"
SUMMARY = """A small model of the class `Qwen2AudioForConditionalGeneration`, made to be looked into. It has the
audio tower of Whisper tiny.en in a window of 10 seconds, and a decoder of its own that was trained from scratch on
recordings of Debian packages and on rendered instruments and voices. It tells in plain English what is heard. It is
made for trying tools of interpretability where no larger model can be had, and for nothing else."""
LAYERS = "layers.json"
STEPS = (
    "fetch",
    "render",
    "listen",
    "compose",
    "encode",
    "train",
    "evaluate",
    "embed",
    "layers",
    "dictionary",
    "clips",
    "card",
)


@dataclass(frozen=True)
class RecipeSettings:
    """What decides the model, beside the files of `resources/demo/`.

    Attributes
    ----------
    vocabulary : int
        Tokens of the model's own tokenizer, at most.
    seed : int
        Of the questions and the first weights; the other settings have their own.
    """

    vocabulary: int = 2000
    seed: int = 0
    sizes: Sizes = field(default_factory=Sizes)
    compose: ComposeSettings = field(default_factory=ComposeSettings)
    training: TrainSettings = field(default_factory=TrainSettings)
    evaluation: EvaluateSettings = field(default_factory=EvaluateSettings)
    embedder: EmbedderTraining = field(default_factory=EmbedderTraining)
    dictionary: DictionarySettings = field(default_factory=DictionarySettings)
    clips: ClipChoice = field(default_factory=ClipChoice)


class Recipe:
    """One run of the recipe in a work folder; `ship` receives what is to be committed."""

    def __init__(self, work: Path, settings: RecipeSettings, job: Job, ship: Path | None = None) -> None:
        self.work, self.settings, self.job = work, settings, job
        self.ship = work / "ship" if ship is None else ship
        self.model_folder = self.ship / "model"

    def run(self, last: str = STEPS[-1], first: str = STEPS[0]) -> None:
        """All steps from `first` to `last`. Raises ArdError for what a person must do, Stopped where asked to stop."""
        for name in (first, last):
            if name not in STEPS:
                raise ArdError(f"'{name}' is not a step of the recipe", todo=f"Steps: {', '.join(STEPS)}.")
        steps: dict[str, Callable[[], None]] = {
            "fetch": self.fetch, "render": self.render, "listen": self.listen, "compose": self.compose,
            "encode": self.encode, "train": self.train, "evaluate": self.evaluate, "embed": self.embed,
            "layers": self.layers, "dictionary": self.dictionary, "clips": self.clips, "card": self.card,
        }  # fmt: skip
        for name in STEPS[STEPS.index(first) : STEPS.index(last) + 1]:
            self.job.check_stop()
            with self.job.running(name):
                steps[name]()

    # --- material -----------------------------------------------------------------------------------------------

    def fetch(self) -> None:
        from backend.builtin.render import fetch_renderers
        from backend.builtin.sources import fetch_sources

        fetch_sources(self.work, self._labels, self.job.message)
        fetch_renderers(self.work)

    def render(self) -> None:
        from backend.builtin.render import render

        render(self.work)

    def listen(self) -> None:
        from backend.builtin.recordings import build_recordings

        build_recordings(self.work, self._labels, self.job.message)

    def compose(self) -> None:
        from backend.builtin.answers import Vocabulary
        from backend.builtin.compose import compose_into

        examples = compose_into(self.work, self.settings.compose)
        # names the labels that two sounds share before an hour is spent on them
        Vocabulary(sound for example in examples for sound in example.facts.sounds)

    @cached_property
    def _labels(self) -> Any:
        from backend.builtin.labels import read_labels

        return read_labels(resource("demo/taxonomy.toml"))

    @cached_property
    def recorded(self) -> list[Recording]:
        return read_recordings(self.work / "recordings.jsonl")

    @cached_property
    def rendered(self) -> list[Recording]:
        return read_recordings(self.work / "rendered.jsonl")

    @cached_property
    def examples(self) -> list[Example]:
        return read_examples(self.work / "examples.jsonl")

    @cached_property
    def realise(self) -> Callable[[Example], Any]:
        from backend.builtin.realise import Realiser

        return Realiser([*self.recorded, *self.rendered], self.work).waveform

    # --- model --------------------------------------------------------------------------------------------------

    def encode(self) -> None:
        self._encoded  # noqa: B018 - computing it is the step

    @cached_property
    def _tower(self) -> Any:
        from backend.builtin.architecture import build_tower

        sizes = self.settings.sizes
        return build_tower(self.work / "sources" / "whisper-tiny-en", sizes.window_seconds, sizes.tower_layers)

    @cached_property
    def _encoded(self) -> tuple[Any, list[str]]:
        from backend.builtin.architecture import build_extractor
        from backend.builtin.encode import TowerEncoder, encode_examples

        sounds = {one.id: one.sound for one in [*self.recorded, *self.rendered]}
        return encode_examples(
            TowerEncoder(self._tower, build_extractor(self.settings.sizes)), self.examples, self.realise,
            sounds=sounds, folder=self.work / "encoded", job=self.job,
        )  # fmt: skip

    def train(self) -> None:
        """Train the model and save it."""
        from backend.builtin.wording import FILE
        from backend.study.fingerprint import file_hash

        chosen = self.settings
        inputs = [
            file_hash(self.work / "examples.jsonl"), file_hash(resource(FILE)), asdict(chosen.training),
            asdict(chosen.sizes), chosen.vocabulary, chosen.seed,
            file_hash(self.work / "sources" / "whisper-tiny-en" / "model.safetensors"),
        ]  # fmt: skip
        self._unless_made(self.model_folder / "model.safetensors", inputs, self._train)

    def _train(self) -> None:
        from backend.builtin.architecture import build, build_extractor, build_processor, save
        from backend.builtin.batches import encoded_split
        from backend.builtin.questions import dialogues
        from backend.builtin.shipped import write_vocabulary
        from backend.builtin.tokenizer import train_tokenizer
        from backend.builtin.train import Material, train
        from backend.builtin.wording import FILE
        from backend.study.fingerprint import file_hash

        seed = self.settings.seed
        encoded, keys = self._encoded

        def asked(example: Example, epoch: int) -> list[tuple[str, str]]:
            return [(one.question, one.answer) for one in dialogues(example, epoch, seed)]

        texts = [text for one in self.examples if one.split == "train" for pair in asked(one, 0) for text in pair]
        tokenizer = train_tokenizer(texts, self.settings.vocabulary)
        sizes = self.settings.sizes
        model = build(self._tower, tokenizer, sizes, seed)
        processor = build_processor(tokenizer, build_extractor(sizes))
        material = Material(
            encoded_split(self.examples, keys, encoded, "train"),
            encoded_split(self.examples, keys, encoded, "validation"),
            asked, file_hash(resource(FILE)),
        )  # fmt: skip
        trained = train(
            model, processor, material, self.settings.training, folder=self.work / "training", job=self.job
        )  # fmt: skip
        self.job.message(
            f"{trained.steps} steps, {trained.epochs:.1f} epochs; best at step {trained.best_step}: "
            + ", ".join(f"{name} {value:.4g}" for name, value in trained.validation.items())
        )
        save(model, processor, self.model_folder)
        write_vocabulary(self.model_folder, [sound for one in self.examples for sound in one.facts.sounds])

    def evaluate(self) -> None:
        import numpy as np

        from backend.builtin.evaluate import Corpus, write_evaluation

        encoded, keys = self._encoded
        empty = np.zeros(encoded[next(k for k in keys if encoded.tokens(k))].shape[1], np.float32)
        pooled = np.stack([encoded[k].astype(np.float32).mean(0) if encoded.tokens(k) else empty for k in keys])
        everything = [*self.recorded, *self.rendered]
        corpus = Corpus(self.examples, everything, {one.id for one in self.rendered}, pooled)
        self.job.begin_progress("clips")
        write_evaluation(
            self.work / "evaluation.json", self.model_folder, corpus, self.realise, self.settings.evaluation,
            lambda done, total: self.job.progress(done, total),
        )  # fmt: skip

    def _made(self) -> dict[str, Any]:
        return {**asdict(self.settings.sizes), "examples": len(self.examples), "seed": self.settings.seed}

    # --- what stands on the model -------------------------------------------------------------------------------

    def _unless_made(self, made: Path, inputs: list[Any], make: Callable[[], None]) -> None:
        """Call `make`, which makes the file `made`, unless that is there and was made from the same inputs."""
        from backend.study.atomic import read_json, write_json
        from backend.study.fingerprint import fingerprint

        stamp, made_from = self.work / "made" / f"{made.stem}.json", {"made_from": fingerprint(inputs)}
        if made.exists() and stamp.exists() and read_json(stamp) == made_from:
            return
        make()
        stamp.parent.mkdir(exist_ok=True)
        write_json(stamp, made_from)

    def embed(self) -> None:
        """Train the embedder, and score it by retrieval."""
        from backend.study.fingerprint import file_hash

        inputs = [file_hash(self.work / "examples.jsonl"), file_hash(self.model_folder / "tokenizer.json")]
        made = self.ship / "embedder" / "embedder.safetensors"
        self._unless_made(made, [*inputs, asdict(self.settings.embedder)], self._embed)

    def _embed(self) -> None:
        from transformers import AutoTokenizer

        from backend.builtin.captions import caption_of
        from backend.builtin.embedder import EmbedderConfig, save_embedder
        from backend.builtin.train_embedder import recall_at, train_embedder
        from backend.study.atomic import write_json

        encoded, keys = self._encoded
        by_key = dict(zip(keys, self.examples, strict=True))
        tokenizer = AutoTokenizer.from_pretrained(self.model_folder)

        def tokenize(text: str) -> list[int]:
            return list(tokenizer(text, add_special_tokens=False)["input_ids"])

        def caption(key: str, epoch: int) -> str:
            return caption_of(by_key[key].facts, epoch)

        members = [key for key, one in by_key.items() if one.split == "train" and one.facts.sounds]
        width = encoded[members[0]].shape[1]
        config = EmbedderConfig(width, len(tokenizer), int(tokenizer.pad_token_id))
        embedder = train_embedder(config, members, encoded, caption, tokenize, self.settings.embedder, self.job)
        save_embedder(self.ship / "embedder", embedder)
        figures = {}
        for split in ("held_out", "unseen_source"):
            single = [
                key
                for key, one in by_key.items()
                if one.split == split and len(one.facts.sounds) == 1 and encoded.tokens(key)
            ]
            figures[split] = recall_at(
                embedder, [encoded[k] for k in single], [by_key[k].facts.sounds[0].phrase for k in single], tokenize
            )  # fmt: skip
        write_json(self.ship / "embedder" / "evaluation.json", figures)

    def layers(self) -> None:
        """Find out up to which layer the audio positions decide the answer."""
        from backend.study.fingerprint import file_hash

        settings = self.settings.dictionary
        weights = file_hash(self.model_folder / "model.safetensors")
        inputs = [weights, settings.layer, settings.pairs, [one.sound for one in self.recorded]]
        self._unless_made(self.work / LAYERS, inputs, self._layers)

    def _layers(self) -> None:
        from backend.builtin.dictionary import exchangeable
        from backend.builtin.questions import PAPER_PROMPT
        from backend.quality.reach import reach
        from backend.study.atomic import write_json

        settings = self.settings.dictionary
        if settings.layer != "auto":
            write_json(self.work / LAYERS, {"layers": []})
            return
        target = self._target()
        layers = [f"decoder.{number}" for number in range(target.stacks()["decoder"])]
        pairs = exchangeable(self.recorded, self._samples, settings.pairs)
        found = reach(target, layers, pairs, PAPER_PROMPT, max_new_tokens=64, job=self.job)
        write_json(self.work / LAYERS, {"layers": [asdict(one) for one in found]})

    def _target(self) -> Any:
        from backend.study.settings import ModelSection
        from backend.targets.load import load_target

        return load_target(ModelSection(path=str(self.model_folder), device=self.settings.evaluation.device))

    def dictionary(self) -> None:
        from backend.builtin.dictionary import ship_dictionary, train_dictionary
        from backend.quality.reach import Reach, deepest
        from backend.study.atomic import read_json

        layer = self.settings.dictionary.layer
        if layer == "auto":
            found = [Reach(**one) for one in read_json(self.work / LAYERS)["layers"]]
            layer = deepest(found, self.settings.dictionary.follows)
        trained = train_dictionary(
            self.work / "dictionary", self.model_folder, [*self.recorded, *self.rendered], self.work, layer,
            self.settings.dictionary, self.job,
        )  # fmt: skip
        ship_dictionary(trained, self.ship / "sae")

    def clips(self) -> None:
        from backend.builtin.clips import choose_clips, write_clips

        chosen = choose_clips(self.recorded, self.rendered, self.settings.clips)
        size = write_clips(self.ship / "clips", chosen, self._samples, self.settings.clips)
        self.job.message(f"{len(chosen)} clips, {size / 2**20:.1f} MB")

    def card(self) -> None:
        """Ask about the shipped clips, with and without the SAE, and write the model card."""
        from backend.builtin.card import CardSettings, sources_of, write_card
        from backend.builtin.card_sections import clips_section, dictionary_section, embedder_section
        from backend.builtin.shipped import as_json, ask_shipped, read_vocabulary, splice_shipped
        from backend.study.atomic import read_json, write_json
        from backend.study.manifest import read_manifest

        target = self._target()
        clips = self.ship / "clips"
        told = as_json(ask_shipped(target, clips, read_vocabulary(self.model_folder)))
        spliced = splice_shipped(target, self.ship / "sae", clips, self.job).as_json()
        write_json(self.work / "shipped.json", {"answers": told, "splice": spliced})
        write_card(
            self.model_folder, read_json(self.work / "evaluation.json"), sources_of([*self.recorded, *self.rendered]),
            CardSettings(NAME, "mit", SUMMARY, self._made()),
            [
                clips_section(told),
                embedder_section(read_json(self.ship / "embedder" / "evaluation.json")),
                dictionary_section(
                    read_manifest(self.ship / "sae" / "manifest.json"), spliced, read_json(self.work / LAYERS)["layers"]
                ),
            ],
        )  # fmt: skip

    def _samples(self, one: Recording) -> Any:
        from backend.audio.load import load_wave
        from backend.builtin.examples import RATE
        from backend.store.clips import Clip

        return load_wave(Clip(record=one.id, path=one.path, root=str(self.work)), RATE)
