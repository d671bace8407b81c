"""Bytes of every file a stage leaves, from the layouts of the stores; and of what exists only meanwhile."""

from __future__ import annotations

import json

import numpy as np

from backend.describe.captioners.dataset import phrase_from_labels
from backend.estimate.workload import PROMPTED, Layer, Ranked, Training, Workload, active
from backend.extract.estimate import BYTES
from backend.extract.plan import make_plan, used_clips
from backend.sae.config import SaeConfig
from backend.store.retrieval import CHUNK, COLUMNS, PAIRS, RAW_PAIRS
from backend.store.scores import COLUMNS as SCORES
from backend.study.settings import RetrieveSection

SHARD_OWN, SCORES_OWN, VECTORS_OWN, RETRIEVAL_OWN = 8696, 12288, 6144, 30_000
"""Bytes that HDF5 itself takes in a file of each kind, beside the data."""
MANIFEST, CONFIG, METRICS_LINE, RUN = 2900, 700, 400, 14_000
EVENTS_PER_SECOND = 600
"""Bytes a second that a run's progress takes in `events.jsonl`."""
SAME_FEATURE = 0.67, 0.86
"""β of distinct features = k·T^β in a clip of T tokens: of sound, and of text. Eleven SAEs of other studies gave 0.63
to 0.73 of sound (the less they were trained, the more), two gave 0.86 of transcripts."""
LISTED_CLIP = 1.4
"""Codes of a listed clip in codes of a mean active clip: the most list holds the strongest."""
CAPTION_TEXT = 90
"""Characters of a caption that is still to be written."""
DIMENSIONS = {"mini": 128, "clap": 512, "laion-clap": 512, "msclap": 1024}
CLIPS_A_PART = 64


def layer_bytes(work: Workload, layer: Layer) -> int:
    """Activations of one layer: shards, plan, statistics and manifest."""
    extract = work.settings.extract
    plan = make_plan(
        work.table, used_clips(work.table), batch_clips=extract.batch_clips, shard_tokens=extract.shard_tokens
    )
    clips, tokens = int((layer.tokens > 0).sum()), int(layer.tokens.sum())
    rows = tokens * (layer.d * BYTES[extract.dtype] + 4) + clips * 24
    if not regular(work, layer):
        rows += tokens * 16
    shards = len(plan.shards) * (16 * layer.d + SHARD_OWN)
    return rows + shards + len(json.dumps(plan.as_json())) + 16 * layer.d + 1500 + MANIFEST


def regular(work: Workload, layer: Layer) -> bool:
    """Whether the tokens of `layer` stand on a regular grid, so that no times are stored."""
    text = layer.name.startswith("decoder") and (
        work.identity.model_type == "whisper" or work.settings.model.tokens != "audio"
    )
    return not text


def sae_bytes(config: SaeConfig) -> int:
    """`sae.safetensors`, to the byte: the header in JSON padded to 8, then the tensors."""
    shapes: dict[str, list[int]] = {
        "W_dec": [config.n_features, config.d], "W_enc": [config.n_features, config.d],
        "b_dec": [config.d], "b_enc": [config.n_features],
    }  # fmt: skip
    if config.architecture == "jumprelu":
        shapes["log_threshold"] = [config.n_features]
    if config.architecture == "batchtopk":
        shapes["threshold"] = []
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape, dtype=np.int64))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = len(json.dumps(header, separators=(",", ":")))
    return 8 + -(-text // 8) * 8 + at


def training_bytes(work: Workload, one: Training) -> int:
    """The SAE's folder once it is trained."""
    lines = -(-one.steps // work.settings.train.log_every)
    return sae_bytes(one.config) + CONFIG + MANIFEST + lines * METRICS_LINE


def clip_features(work: Workload, one: Ranked) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Distinct features of each ranked clip, expected before any SAE is trained: k·T^β, at most D."""
    tokens = one.layer.tokens[work.probed].astype(np.float64)
    tokens = tokens[tokens > 0]
    if one.config is None:
        return np.full(len(tokens), float(one.features))
    beta = SAME_FEATURE[0 if regular(work, one.layer) else 1]
    return np.asarray(np.minimum(active(one.config) * tokens**beta, one.config.n_features))


def codes(work: Workload, one: Ranked) -> int:
    """Active (token, feature) pairs of all ranked clips."""
    return 0 if one.config is None else int(one.layer.tokens[work.probed].sum()) * active(one.config)


def ranking_bytes(work: Workload, one: Ranked) -> int:
    """The retrieval file of one ranking and its manifest."""
    section = work.settings.retrieve
    clips = len(work.table)
    fixed = one.features * _feature_bytes(section, one.config is not None)
    own = clips * (8 + 12 * section.clip_features) + RETRIEVAL_OWN + 2 * MANIFEST
    if one.config is None:
        pairs = sum(np.dtype(kind).itemsize for kind in RAW_PAIRS.values())
        probed = int((one.layer.tokens[work.probed] > 0).sum())
        return fixed + own + (probed * (4 + one.layer.d * pairs) if section.pair_table else 0)
    found = float(clip_features(work, one).sum())
    traces = listed_pairs(work, one)
    kept = min(1.0, LISTED_CLIP * traces / max(1.0, found)) * codes(work, one)
    pair = sum(np.dtype(kind).itemsize for kind in PAIRS.values())
    table = pair * _chunked(found, CHUNK["pairs"]) if section.pair_table else 0
    times = 0 if regular(work, one.layer) else 16 * int(one.layer.tokens[work.probed].sum())
    return fixed + own + times + table + 8 * _chunked(traces, CHUNK["traces"]) + 6 * _chunked(kept, CHUNK["traces"])


def _chunked(rows: float, chunk: int) -> int:
    """Rows of a data set that grows by whole chunks."""
    return -(-round(rows) // chunk) * chunk


def listed_pairs(work: Workload, one: Ranked) -> float:
    """(feature, clip) pairs whose traces are kept, where the clips of a feature are exponentially distributed."""
    section = work.settings.retrieve
    mean = max(1e-9, float(clip_features(work, one).sum()) / one.features)
    listed = section.list_length + section.quantiles * section.quantile_clips
    return one.features * mean * -float(np.expm1(-listed / mean))


def _feature_bytes(section: RetrieveSection, sae: bool) -> int:
    """Bytes of the rows of fixed size: columns, lists, quantiles, histogram, neighbours, three starts."""
    columns = sum(np.dtype(kind).itemsize for kind in COLUMNS.values())
    lists = 12 * (2 * section.list_length + section.quantiles * section.quantile_clips)
    return columns + lists + 4 * section.histogram_bins + 8 + (8 * section.neighbours if sae else 0) + 8 * 3


def score_bytes(one: Ranked) -> int:
    """The scores file and its manifest."""
    return one.features * sum(np.dtype(kind).itemsize for kind in SCORES.values()) + SCORES_OWN + MANIFEST


def concept_bytes(work: Workload, one: Ranked) -> int:
    """The concepts file: captions, name and detection of the features that are described."""
    p = work.settings.retrieve.p
    text = caption_characters(work)
    described = min(work.settings.scores.top, one.features)
    return described * round(p * (text + 42) + 1.5 * text + 190) + 20_000 + MANIFEST


def caption_characters(work: Workload) -> float:
    """Mean length of a caption, of those that the data set brings, else a guess."""
    if work.settings.captions.captioner in PROMPTED:
        return min(CAPTION_TEXT, 4.0 * work.settings.captions.max_new_tokens)
    some = work.probed[:200].tolist()
    texts = [work.table[i].caption or phrase_from_labels(work.table[i].labels) for i in some]
    return float(np.mean([len(text) for text in texts])) if texts else 0.0


def describe_bytes(work: Workload) -> int:
    """Everything the describe stage leaves."""
    vectors, width = len(work.to_embed), DIMENSIONS.get(work.settings.embed.embedder, 512)
    found = vectors * (16 + 4 * width) + -(-vectors // CLIPS_A_PART) * VECTORS_OWN
    found += sum(score_bytes(one) for one in work.to_score)
    found += sum(concept_bytes(work, one) for one in work.to_describe)
    found += round(work.captions * (caption_characters(work) + 40))
    if work.settings.names.namer in ("causal-lm", "endpoint"):
        found += sum(min(work.settings.scores.top, one.features) for one in work.to_describe) * 350
    if work.settings.names.detection == "audiollm":
        found += answers(work) * 60
    return found


def answers(work: Workload) -> int:
    """Questions that a detection test by an AudioLLM asks, each of one clip about one name."""
    if work.settings.names.detection != "audiollm":
        return 0
    each = 3 * min(work.settings.names.detection_clips, len(work.probed))
    return each * sum(min(work.settings.scores.top, one.features) for one in work.to_describe)


def run_bytes(seconds: float, work: Workload) -> int:
    """`runs/<id>`: request, manifest, log, and events of a run of that many seconds."""
    lines = sum(-(-(one.steps - one.done) // work.settings.train.log_every) for one in work.trainings)
    return RUN + round(seconds * EVENTS_PER_SECOND) + lines * 550


def meanwhile(work: Workload) -> int:
    """Bytes that exist only while stages run: the larger of checkpoints and spilled codes."""
    train = work.settings.train
    lasting = [one for one in work.trainings if one.steps > train.checkpoint_every]
    checkpoints = sum(12 * one.parameters for one in lasting)
    checkpoints += max((12 * one.parameters for one in lasting), default=0)
    if work.streams and lasting:
        # one buffer a layer, and the one it replaces
        tokens = 2 * work.settings.extract.shuffle_batches * train.batch_tokens
        checkpoints += tokens * 4 * sum({one.layer.name: one.layer.d for one in lasting}.values())
    passes: dict[str, int] = {}
    for one in work.to_retrieve:
        name = "" if work.streams else one.layer.name
        passes[name] = passes.get(name, 0) + _spill(work, one)
    return max(checkpoints, max(passes.values(), default=0))


def _spill(work: Workload, one: Ranked) -> int:
    if one.config is None:
        return len(work.probed) * one.layer.d * 24
    return round(float(clip_features(work, one).sum()) * 24) + 6 * codes(work, one) + 16 * one.features
