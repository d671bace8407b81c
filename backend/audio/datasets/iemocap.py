"""IEMOCAP: acted and improvised dialogues with an emotion per utterance (D-2, C4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from backend.audio.datasets.base import DATASETS, Adapter, expected, inside
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.study.settings import AudioSection

UTTERANCE = re.compile(
    r"^\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\t(?P<name>\S+)\t(?P<emotion>\w+)\t"
    r"\[(?P<valence>[\d.]+),\s*(?P<activation>[\d.]+),\s*(?P<dominance>[\d.]+)\]"
)
TRANSCRIPT = re.compile(r"^(?P<name>\S+)\s+\[[\d.]+-[\d.]+\]:\s*(?P<text>.*)$")
LICENCE = "IEMOCAP: by request, not to be passed on"


@DATASETS.register("iemocap")
class Iemocap(Adapter):
    """`source` is the session ("Session1"), so `subset` chooses sessions.

    Labels: emotion (the data set's code: neu, fru, ang, sad, exc, hap, sur, fea, dis, oth, xxx), valence,
    activation, dominance, gender, dialog and text.
    """

    tables = frozenset({".txt"})

    def records(self, root: Path, section: AudioSection) -> Iterator[ClipRecord | Unreadable]:
        top = inside(root, "IEMOCAP_full_release")
        sessions = [top / f"Session{n}" for n in range(1, 6) if (top / f"Session{n}").is_dir()]
        if not sessions:
            expected(top / "Session1", "IEMOCAP")
        for session in sessions:
            labels = expected(session / "dialog" / "EmoEvaluation", "IEMOCAP")
            # Only files directly inside: Attribute, Categorical and Self-evaluation hold single raters' votes.
            for path in sorted(labels.glob("*.txt")):
                if not path.name.startswith("."):
                    yield from _dialog(root, session, path)


def _dialog(root: Path, session: Path, evaluation: Path) -> Iterator[ClipRecord | Unreadable]:
    dialog = evaluation.stem
    texts = _transcripts(expected(session / "dialog" / "transcriptions" / f"{dialog}.txt", "IEMOCAP"))
    found = [m for line in _lines(evaluation) if (m := UTTERANCE.match(line))]
    if not found:
        raise ArdError("this file has no utterance lines", path=evaluation, todo="Download it again.")
    for match in found:
        name = match["name"]
        wav = session / "sentences" / "wav" / dialog / f"{name}.wav"
        path = wav.relative_to(root).as_posix()
        if not wav.is_file():
            yield Unreadable(path, f"{evaluation.name} names it, but the file is not there")
            continue
        gender = name.rpartition("_")[2][:1]
        labels = {
            "emotion": match["emotion"],
            **{key: match[key] for key in ("valence", "activation", "dominance")},
            "gender": {"F": "female", "M": "male"}.get(gender, ""),
            "dialog": dialog,
            "text": texts.get(name, ""),
        }
        yield ClipRecord(
            record=name,
            path=path,
            labels={key: value for key, value in labels.items() if value},
            speaker=name[:5] + gender,
            licence=LICENCE,
            source=session.name,
        )


def _transcripts(path: Path) -> dict[str, str]:
    return {m["name"]: m["text"].strip() for line in _lines(path) if (m := TRANSCRIPT.match(line))}


def _lines(path: Path) -> list[str]:
    # A few transcripts carry stray bytes that are not UTF-8; the words around them are kept.
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
