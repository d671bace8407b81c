"""Names, captions and detection scores as namers give them, kind and unkind ones."""

from __future__ import annotations

import numpy as np

from backend.store.clips import ClipTable
from backend.store.concepts import ClipCaption, Concept, Detection
from backend.store.retrieval import RetrievalFile
from builders.synthetic_sounds import KINDS, WHERE

EVERY = 50
"""The odd names below come once among so many described features."""
RIGHT_TO_LEFT = ("صوت المطر على السطح", "קול צחוק של ילדים", "نباح كلب في الليل")
EMOJI = ("🎹 piano 👩‍👩‍👧‍👦", "🌧️⛈️ storm", "🐸 frogs 🇧🇷")
MARKUP = '<b>R&B</b> & <img src="x.png">'
SENTENCE = "a sound that begins softly, swells, and is cut off before it has found its end, "
QUALITY = ("soft", "sharp", "distant", "rhythmic", "low", "metallic", "sudden", "continuous", "muffled", "bright")
SOURCES = {
    "captioner": {"captioner": "dataset"},
    "namer": {"namer": "causal-lm", "model": "synthetic"},
    "judge": {"judge": "embedder"},
    "detection": "embedder",
}


def concepts(file: RetrievalFile, table: ClipTable, ranked: np.ndarray, home: np.ndarray, seed: int) -> list[Concept]:
    """A concept for each of the `ranked` features, in their order; `home` [D] is the kind each one likes best."""
    draw = np.random.default_rng(seed)
    captions = list(table.text["caption"])
    lists = file.most_clips(int(file.settings["p"]))
    accuracy = np.clip(draw.normal(0.75, 0.12, len(ranked)), 0, 1)
    found = []
    for place, (k, quality, scored) in enumerate(
        zip(ranked.tolist(), draw.integers(0, len(QUALITY), len(ranked)).tolist(), accuracy.tolist(), strict=True)
    ):
        status, name, told = _named(place, KINDS[home[k]][1], QUALITY[quality], WHERE[(k * 5 + place) % len(WHERE)])
        heard = tuple(ClipCaption(i, captions[i]) for i in lists[k].tolist() if i >= 0)
        seen = Detection(scored, 50, 50, max(0.0, scored - 0.1), 50, scored, scored - 0.05)
        found.append(Concept(k, status, name, told, heard, seen))
    return found


def _named(place: int, word: str, quality: str, where: str) -> tuple[str, str, str]:
    """Status, short name and description of the described feature at a place of the ranking."""
    told = f"{quality.capitalize()} {word} {where}; the clips share their timbre more than their loudness."
    match place % EVERY:
        case 7:
            return "ok", RIGHT_TO_LEFT[place // EVERY % 3], told
        case 17:
            return "ok", EMOJI[place // EVERY % 3], told
        case 27:
            return "ok", (SENTENCE * 4)[:300], told
        case 33:
            return "ok", MARKUP, told
        case 37:
            return "ok", f"{1 + place // EVERY} knocks", told
        case 41:
            return "too long", "", told
        case 43:
            return "no common concept", "", "I cannot find anything in common."
        case 47:
            return "empty", "", ""
    names = (f"{quality} {word}", f"{quality} {word} {where}", f"{quality} {word} near {40 + 7 * place % 9973} Hz")
    return "ok", names[place % 3], told
