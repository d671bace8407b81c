"""The folders of sound that a study is made from, as the form holds them; nothing of Qt."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

LISTS = ("labels", "split", "subset")
SEPARATOR = ";"
Use = Literal["both", "train", "probe"]
USES: tuple[tuple[Use, str], ...] = (
    ("both", "to train on and to rank"), ("train", "only to train on"), ("probe", "only to rank"),
)  # fmt: skip


@dataclass
class SoundSource:
    """One `[[audio]]` table, and what `ard preview-sound` said of it.

    Attributes
    ----------
    values : dict
        The table as it is written.
    preview : dict or None
        None while it is not known.
    failure : str
        Why there is none.
    known : dict of str to dict of str to int
        What can be chosen, as far as previews have shown: "labels" ("name=value"), "split" and "subset" with clips.
    seed : int
        Which clips are drawn.
    """

    values: dict[str, Any]
    preview: dict[str, Any] | None = None
    failure: str = ""
    known: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in LISTS})
    seed: int = 0

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> SoundSource:
        """A source from a table, of which everything but the path may be missing; what is not shown is kept."""
        usual: dict[str, Any] = {"adapter": "folder", "path": "", "manifest": "", "use": "both"}
        return cls({**usual, **{name: [] for name in LISTS}, **table})

    @property
    def folder(self) -> Path:
        return Path(self.values["path"]).expanduser()

    @property
    def usable(self) -> bool:
        """Whether the preview found sound in it."""
        return self.preview is not None and self.preview["clips"] > 0 and not self.preview["problems"]

    def words(self) -> list[str]:
        """The words behind `ard` that preview it."""
        words = ["preview-sound", "--json", "--seed", str(self.seed), "--adapter", self.values["adapter"]]
        if self.values["manifest"]:
            words += ["--manifest", self.values["manifest"]]
        for name, option in (("labels", "--label"), ("split", "--split"), ("subset", "--subset")):
            words += [f"{option}={one}" for one in self.values[name]]
        return [*words, "--", str(self.folder)]

    def took(self, preview: dict[str, Any]) -> None:
        """The answer to that has come."""
        self.preview, self.failure = preview, ""
        labels = {
            f"{name}={value}": count for name, values in preview["labels"].items() for value, count in values.items()
        }
        for name, counts in (("split", preview["splits"]), ("subset", preview["subsets"]), ("labels", labels)):
            # a data set may show other parts of itself for another choice
            kept = {} if name == "labels" else self.known[name]
            # a dictionary comes back from another process sorted by its names
            self.known[name] = dict(sorted({**kept, **counts}.items(), key=lambda one: -one[1]))

    @property
    def tables(self) -> list[str]:
        """Tables in the folder that might list its clips."""
        return [] if self.preview is None else list(self.preview["manifests"])

    def forget(self, failure: str = "") -> None:
        """What the preview said no longer holds, or there can be none."""
        self.preview, self.failure = None, failure

    def sentence(self) -> str:
        """Clips and hours, and what could not be used."""
        found = self.preview
        if found is None or not found["clips"]:
            return ""
        hours = hours_words(found["hours"])
        about = "" if found["hours_exact"] else f"about {hours} by the headers of {found['headers']}"
        told = f"{clips_words(found['clips'])}, {about or hours}."
        return f"{told} {unusable_words(found)}".strip()

    def problem(self) -> str:
        """What stands in the way, with what to do about it; "" for nothing."""
        if self.failure:
            return self.failure
        found = self.preview["problems"] if self.preview is not None else []
        return "\n".join(f"{one['what'][:1].upper()}{one['what'][1:]}. {one['todo']}".strip() for one in found)


def clips_words(count: int) -> str:
    return "1 clip" if count == 1 else f"{count:,} clips"


def hours_words(hours: float) -> str:
    """Hours as people say them: 42 seconds, 9.8 minutes, 2.7 hours."""
    for share, unit in ((3600, "seconds"), (60, "minutes"), (1, "hours")):
        number = hours * share
        if number < 99.5 or unit == "hours":
            return f"{number:.1f} {unit}" if number < 9.95 else f"{number:,.0f} {unit}"
    raise AssertionError(hours)


def unusable_words(found: Mapping[str, Any]) -> str:
    """How many files cannot be used, and the reason of the first."""
    if not found["unreadable"]:
        return ""
    first = found["unreadable_files"][0]
    files = "1 file" if found["unreadable"] == 1 else f"{found['unreadable']:,} files"
    among = "" if found["hours_exact"] else " of those that were looked at"
    return f"{files}{among} cannot be used ({first['path']}: {first['reason']})."


def joined(names: Iterable[str]) -> str:
    """Names in one line, with ";" between them; one that holds a ";" or a quote is quoted."""
    return f"{SEPARATOR} ".join(
        '"' + name.replace('"', '""') + '"' if SEPARATOR in name or '"' in name else name for name in names
    )


def split_line(line: str) -> list[str]:
    """The names of such a line, each once."""
    rows = csv.reader([line], delimiter=SEPARATOR, skipinitialspace=True)
    return list(dict.fromkeys(name.strip() for row in rows for name in row if name.strip()))
