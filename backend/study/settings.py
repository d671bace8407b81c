"""What the user asks for: every setting of `study.toml`, its meaning, default and allowed values.

Each resolved ambiguity of the two papers is one field here (Rule 6); its row in the requirements
is named in the description, which is also the comment that `ard new` writes beside it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FORMAT = 1

Layer = Annotated[str, Field(pattern=r"^((encoder|decoder)\.)?(\d+|last)$")]

FeatureOf = Annotated[str, Field(pattern=r"^[^:]+:\d+$")]

LabelValue = Annotated[str, Field(pattern=r"^[^=]+=.+$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class StudySection(Section):
    uuid: str = Field("", description="Identity of this study; the user's notes are kept under it.")
    profile: str = Field("default", description="Profile the other values were taken from.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of everything random that has no seed of its own.")


class ModelSection(Section):
    path: str = Field(min_length=1, description="Folder of the model, or its id on a model hub.")
    revision: str = Field("", description="Revision on the hub; empty for the newest.")
    local_files_only: bool = Field(False, description="Never ask the hub, use what is on this disk.")
    layers: list[Layer] = Field(
        ["last"],
        description='Blocks whose output is read, 0-based: ["encoder.3", "decoder.0"]; a bare number means '
        "the target's usual stack (A-08: the output of layers[l]).",
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field("float32", description="Precision of the model.")
    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda, cuda:1 or mps.")
    prefix: Literal["chat", "bare"] = Field(
        "chat", description="Text before the audio: the model's chat template, or the placeholder alone (A-07)."
    )
    tokens: Literal["audio", "prompt", "all"] = Field(
        "audio", description="Positions that are read: audio tokens, prompt tokens, or all of them (A-06)."
    )
    transcript_tokens: int = Field(
        224, ge=1, description="Whisper decoder layers: longest transcript of a window, in tokens."
    )
    frames: Literal["valid", "all"] = Field(
        "valid", description="Encoders that pad: keep frames that start inside the real audio, or all (S-04)."
    )

    @field_validator("layers")
    @classmethod
    def _no_empty_list(cls, value: list[str]) -> list[str]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name at least one layer, and none twice")
        return value


class AudioSection(Section):
    adapter: str = Field("folder", description="How the data set is laid out; `ard doctor` lists the adapters.")
    path: str = Field(min_length=1, description="Folder the data set lies in.")
    manifest: str = Field("", description="CSV or JSONL beside it: path, start, end, caption, split, speaker, labels.")
    subset: list[str] = Field([], description="Parts of the data set to use; empty for all (C3).")
    split: list[str] = Field([], description="Splits to use; empty for all.")
    labels: list[LabelValue] = Field(
        [],
        description='Labels of the clips to use: ["category=animal", "category=music"]; empty for all. Values of one '
        "name are alternatives, several names must all hold.",
    )
    use: Literal["both", "train", "probe"] = Field(
        "both", description="Whether clips train the SAE, are ranked by it, or both (C4)."
    )
    weight: float = Field(1.0, gt=0, description="Sampling weight of this data set in training (S-06).")
    domain: str = Field("", description="speech, sounds or music (Q9, Q10); empty if it has none.")


class ClipsSection(Section):
    crop: Literal["first", "center", "chunk"] = Field(
        "first", description="Clips longer than the model's window: first part, centre, or all in chunks (A-03)."
    )
    short: Literal["plain", "audiobench"] = Field(
        "plain", description="Clips under one second: as they are, or with one second of silence appended (A-04)."
    )
    exclude: str = Field("", description="File of record ids, one a line, that are left out (C4, D-1 blacklists).")


class ExtractSection(Section):
    storage: Literal["cache", "stream"] = Field(
        "cache", description="Keep activations on disk, or run the model while training (A-09)."
    )
    dtype: Literal["float16", "bfloat16", "float32"] = Field(
        "float16", description="Stored precision; float16 becomes bfloat16 where it would overflow (A-09)."
    )
    batch_clips: int = Field(16, ge=1, description="Clips of similar length in one forward.")
    shard_tokens: int = Field(65536, ge=1, description="Tokens in one file; a killed run loses at most one file.")
    decode_threads: int = Field(2, ge=1, description="Threads that decode audio in the background.")
    shuffle_batches: int = Field(100, ge=2, description="Size of the streaming buffer, in training batches (S-12).")
    sample_clips: Literal["epoch", "weighted"] = Field(
        "epoch",
        description="Training order: every token once an epoch (A-10), or clips drawn with replacement by "
        "weight x number of clips (S-06; streaming only).",
    )
    noise_probability: float = Field(0.0, ge=0, le=1, description="Chance of added noise per drawn clip (S-07: 0.05).")
    music_probability: float = Field(0.0, ge=0, le=1, description="Chance of added music per drawn clip (S-07: 0.025).")
    noise_path: str = Field("", description="Folder of noise recordings for augmentation.")
    music_path: str = Field("", description="Folder of music recordings for augmentation.")
    snr_db: tuple[float, float] = Field((0.0, 20.0), description="Range of the signal-to-noise ratio (S-07).")


class SaeSection(Section):
    """One SAE per combination of layer x architecture x expansion x k x seed (A-18)."""

    architecture: list[str] = Field(["batchtopk"], min_length=1, description="topk, batchtopk, jumprelu.")
    expansion: list[int] = Field([8], min_length=1, description="Features per model dimension, D = e·d (A-11).")
    k: list[int | Literal["auto"]] = Field(
        ["auto"], min_length=1, description="Active features per token; auto is max(16, 0.008·D) (A-12, X-2)."
    )
    seeds: list[int] = Field([0], min_length=1, description="One SAE per seed.")
    bias_mode: Literal["none", "post", "pre"] = Field(
        "pre", description="Decoder bias: none (Eq. 1), added after, or also subtracted before encoding (A-11)."
    )
    bias_init: Literal["geometric_median", "mean", "zeros"] = Field(
        "geometric_median", description="Where b_dec starts, from the first batch (A-11)."
    )
    relu: bool = Field(True, description="ReLU before the selection; off keeps negative top-K values (A-12).")
    decoder_norm: Literal["unit", "free"] = Field("unit", description="Unit-norm decoder directions (A-14).")
    input_scaling: Literal["none", "mean_sq_norm", "per_vector"] = Field(
        "mean_sq_norm", description="Scaling of the input, folded back into the biases (A-17, S-08)."
    )
    inference: Literal["threshold", "per_clip"] = Field(
        "threshold", description="BatchTopK outside training: learned threshold, or k·n per clip (S-11)."
    )
    threshold_start: int = Field(1000, ge=0, description="Step at which the threshold average starts (S-11, P-12).")
    threshold_beta: float = Field(0.999, gt=0, lt=1, description="Decay of the threshold average (S-11).")
    auxk_alpha: float = Field(1 / 32, ge=0, description="Weight of the AuxK loss; 0 turns it off (A-13).")
    auxk_k: int | Literal["auto"] = Field("auto", description="Dead features used by AuxK; auto is d/2 (A-13).")
    dead_tokens: int = Field(10_000_000, ge=1, description="Silent tokens after which a feature is dead (A-13).")
    l0_coefficient: float = Field(1e-3, ge=0, description="JumpReLU: weight of the L0 penalty (S-09).")
    l0_warmup_steps: int = Field(10_000, ge=0, description="JumpReLU: steps over which it rises (S-09, Q11).")
    bandwidth: float = Field(1e-3, gt=0, description="JumpReLU: width of the straight-through kernel (S-09).")


def default_k(n_features: int) -> int:
    """K = max(16, round(0.008·D)), at most D (X-2)."""
    return min(n_features, max(16, round(0.008 * n_features)))


class TrainSection(Section):
    batch_tokens: int = Field(4096, ge=1, description="Tokens in one step (A-16, S-12).")
    steps: int | Literal["auto"] = Field("auto", description="Optimiser steps; auto takes them from epochs.")
    epochs: float = Field(10.0, gt=0, description="Passes over the stored tokens, where steps is auto (X-2).")
    lr: float | Literal["auto"] = Field("auto", description="Learning rate; auto is 2e-4/sqrt(D/16384) (A-16, X-2).")
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of steps with linear warm-up (X-2).")
    decay: float = Field(0.2, ge=0, le=1, description="Share of steps of linear decay to 0 at the end (S-12, X-2).")
    betas: tuple[float, float] = Field((0.9, 0.999), description="Adam's moment decays (A-16).")
    eps: float = Field(1e-8, gt=0, description="Adam's epsilon (A-16).")
    grad_clip: float = Field(1.0, ge=0, description="Largest gradient norm; 0 for none (S-12).")
    outlier_factor: float = Field(
        10.0, ge=0, description="Leave out tokens whose norm exceeds this multiple of the median; 0 keeps all (A-09)."
    )
    matmul: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Precision of the large matrix products; weights stay float32."
    )
    decode: Literal["auto", "gather", "dense"] = Field("auto", description="Decode active features or all.")
    log_every: int = Field(100, ge=1, description="Steps between lines of metrics.jsonl.")
    checkpoint_every: int = Field(1000, ge=1, description="Steps between checkpoints (A-16).")
    tensorboard: bool = Field(False, description="Also write TensorBoard files (needs the tensorboard extra).")
    threads: int = Field(0, ge=0, description="CPU threads, written to the manifest; 0 for the library's choice.")


class RetrieveSection(Section):
    score: Literal["r", "mean", "coverage"] = Field("r", description="Eq. 2 or one of its factors (A-21, A-37).")
    p: int = Field(4, ge=1, description="Clips per group H and L (A-23); fewer active clips mean insufficient.")
    list_length: int = Field(64, ge=1, description="Length of the stored most and least lists (A-25).")
    tie_break: Literal["hash", "index"] = Field("hash", description="Order among equal scores (A-24).")
    tie_seed: int = Field(0, ge=0, lt=2**31, description="Seed of the hash order (A-24).")
    min_tokens: int = Field(0, ge=0, description="Clips with fewer tokens are not listed (A-22; suggested 25).")
    max_tokens_window: int = Field(
        0, ge=0, description="Score a clip by its best window of this many tokens; 0 for the whole clip (A-22)."
    )
    deduplicate: bool = Field(True, description="Identical audio appears once in the most list (A-23).")
    quantiles: int = Field(5, ge=1, description="Score quantiles with sample clips.")
    quantile_clips: int = Field(4, ge=1, description="Clips kept per quantile.")
    clip_features: int = Field(32, ge=1, description="Strongest features kept per clip.")
    neighbours: int = Field(32, ge=1, description="Nearest decoder directions kept per feature.")
    histogram_bins: int = Field(32, ge=2, description="Bins of the histogram of clip scores.")
    raw_units: bool = Field(False, description="Also rank the raw residual units (A-37a).")
    raw_reading: Literal["literal", "relu", "split", "abs"] = Field(
        "literal", description="Signs of raw units (A-37a)."
    )
    pair_table: bool = Field(True, description="Keep sum, count and max of every (feature, clip) pair.")
    memory_mb: int = Field(1024, ge=64, description="Memory the retrieval may use beside the models.")
    batch_tokens: int = Field(8192, ge=1, description="Tokens encoded at once.")

    @model_validator(mode="after")
    def _lists_hold_p(self) -> RetrieveSection:
        if self.list_length < self.p:
            raise ValueError("list_length must be at least p")
        return self


class EmbedSection(Section):
    embedder: str = Field(
        "mini", description="What embeds clips for scores: mini (built in), clap, laion-clap or msclap (A-26)."
    )
    model: str = Field(
        "", description="Its folder, hub id, .pt (laion-clap) or .pth (msclap); empty for the usual one."
    )
    window: Literal["mean", "first", "center", "random"] = Field(
        "mean", description="Clips longer than its window: mean of all windows, or one of them (A-26)."
    )
    window_seed: int = Field(0, ge=0, lt=2**31, description="Seed of window = random (A-26).")
    batch_clips: int = Field(16, ge=1, description="Windows embedded at once.")


class ScoresSection(Section):
    ddof: Literal[0, 1] = Field(0, description="Delta degrees of freedom of the similarities' variance (A-28).")
    sigma: Literal["pairs", "embedding"] = Field(
        "pairs", description="Variance of pairwise similarities, or of embeddings about their centroid (A-28)."
    )
    epsilon: float = Field(1e-8, gt=0, description="Added to the pooled sigma in Eq. 4 (A-29).")
    floor: float = Field(0.01, gt=0, description="Smallest pooled sigma of the floored score (A-29).")
    rank_by: Literal["floored", "epsilon"] = Field("floored", description="Which of the two ranks features (A-29).")
    redraws: int = Field(10, ge=0, description="Re-draws of L among ties, for the spread of m (A-24).")
    control_seed: int = Field(0, ge=0, lt=2**31, description="Seed of the permuted control (A-31).")
    top: int = Field(5000, ge=1, description="C: features that are captioned and named, best first (A-30).")


class CaptionsSection(Section):
    captioner: str = Field(
        "dataset",
        description="What captions clips: dataset (their own captions or labels), audiollm, endpoint or none (A-33).",
    )
    model: str = Field("", description="Folder, hub id or the endpoint's model; empty for the study's own model.")
    prompt: str = Field("caption", description="Prompt of resources/prompts, or a file in the study (A-33).")
    part: Literal["clip", "active"] = Field(
        "clip", description="Caption whole clips, or only what lies under active tokens (S-42)."
    )
    active_above: float = Field(0.1, ge=0, description="Least activation of an active token, for part = active (S-42).")
    max_new_tokens: int = Field(256, ge=1, description="Longest caption (A-33).")
    batch_clips: int = Field(8, ge=1, description="Clips captioned at once.")
    url: str = Field("", description="Base URL of an OpenAI-compatible endpoint with audio input.")
    key_env: str = Field("OPENAI_API_KEY", description="Environment variable with its key; never stored.")
    retries: int = Field(5, ge=0, description="Tries after a failed request, with growing pauses.")
    timeout: float = Field(120.0, gt=0, description="Seconds to wait for an answer.")


class NamesSection(Section):
    namer: str = Field(
        "consensus", description="What names features: consensus (no LLM), causal-lm, endpoint or none (A-34)."
    )
    model: str = Field("", description="Folder, hub id or .gguf file, or the endpoint's model.")
    prompt: str = Field("concept", description="Prompt of resources/prompts, or a file in the study (A-34).")
    short_prompt: str = Field("short-name", description="Prompt of the follow-up for a short name (A-34).")
    max_new_tokens: int = Field(128, ge=1, description="Longest description (A-34).")
    detection: Literal["embedder", "audiollm", "none"] = Field(
        "embedder", description="Who tries to find a feature's clips by its name (P-10)."
    )
    detection_prompt: str = Field(
        "detection", description="Question to an AudioLLM, with {name} in it: of resources/prompts, or in the study."
    )
    detection_clips: int = Field(50, ge=1, description="Most clips of each kind in a detection test (P-10).")
    detection_least: int = Field(8, ge=2, description="Fewer clips than this of a kind give no detection score.")
    url: str = Field("", description="Base URL of an OpenAI-compatible endpoint.")
    key_env: str = Field("OPENAI_API_KEY", description="Environment variable with its key; never stored.")
    retries: int = Field(5, ge=0, description="Tries after a failed request, with growing pauses.")
    timeout: float = Field(120.0, gt=0, description="Seconds to wait for an answer.")
    features: list[FeatureOf] = Field(
        [],
        description='Features to describe beside the scores.top best ones: ["decoder.1-batchtopk-e8-k25-s0:17"], the '
        "SAE and the feature's number.",
    )

    def features_of(self, sae: str) -> list[int]:
        """Numbers of the features of one SAE that are to be described whatever their rank, ascending."""
        split = (one.rpartition(":") for one in self.features)
        return sorted({int(number) for name, _, number in split if name == sae})


class Settings(Section):
    """The whole of `study.toml`."""

    format: int = Field(FORMAT, description="Version of this file's layout.")
    study: StudySection = StudySection()
    model: ModelSection
    audio: list[AudioSection] = Field(min_length=1)
    clips: ClipsSection = ClipsSection()
    extract: ExtractSection = ExtractSection()
    sae: SaeSection = SaeSection()
    train: TrainSection = TrainSection()
    retrieve: RetrieveSection = RetrieveSection()
    embed: EmbedSection = EmbedSection()
    scores: ScoresSection = ScoresSection()
    captions: CaptionsSection = CaptionsSection()
    names: NamesSection = NamesSection()

    @model_validator(mode="after")
    def _weighted_needs_streaming(self) -> Settings:
        weighted = self.extract.sample_clips == "weighted" or any(
            (self.extract.noise_probability, self.extract.music_probability)
        )
        if weighted and self.extract.storage == "cache":
            raise ValueError('weighted sampling and augmentation need extract.storage = "stream"')
        if self.extract.noise_probability and not self.extract.noise_path:
            raise ValueError("extract.noise_probability needs extract.noise_path")
        if self.extract.music_probability and not self.extract.music_path:
            raise ValueError("extract.music_probability needs extract.music_path")
        if self.extract.storage == "stream" and self.train.steps == "auto" and self.extract.sample_clips == "weighted":
            raise ValueError("weighted sampling has no epochs: give train.steps a number")
        return self


def plain(section: BaseModel) -> dict[str, Any]:
    """The section as JSON-ready values, for manifests and fingerprints."""
    return section.model_dump(mode="json")


def fingerprinted(section: AudioSection) -> dict[str, Any]:
    """The section as fingerprints take it: without `labels` where it is empty, as before there was that setting."""
    values = plain(section)
    if not section.labels:
        del values["labels"]
    return values
