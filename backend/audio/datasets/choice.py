"""Which clips of a data set are used: the choice of subset, split and labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from backend.audio.records import ClipRecord, values_of
from backend.errors import ArdError
from backend.study.settings import AudioSection

SHOWN = 20
CORRECT = "Correct `labels` in study.toml."


class Choice:
    """Lets through what an `[[audio]]` table asks for, and remembers what there was to choose from.

    Several entries of `labels` with one name are alternatives; of several names all must hold. A clip without the
    label is not let through.

    Attributes
    ----------
    wanted : dict of str to frozenset of str
        Label to the values that are asked for.
    """

    def __init__(self, section: AudioSection) -> None:
        self._section = section
        asked: dict[str, set[str]] = defaultdict(set)
        for entry in section.labels:
            name, _, value = entry.partition("=")
            asked[name].add(value)
        self.wanted = {name: frozenset(values) for name, values in asked.items()}
        self._sources: set[str] = set()
        self._splits: set[str] = set()
        self._names: set[str] = set()
        self._values: dict[str, Counter[str]] = {name: Counter() for name in self.wanted}
        self._let_through = 0

    def __call__(self, record: ClipRecord) -> bool:
        """Whether the record is used."""
        self._sources.add(record.source)
        self._splits.add(record.split)
        has = {name: values_of(record.labels.get(name, "")) for name in self.wanted}
        if self.wanted:
            self._names.update(record.labels)
            for name, values in has.items():
                self._values[name].update(values)
        through = (
            (not self._section.subset or record.source in self._section.subset)
            and (not self._section.split or record.split in self._section.split)
            and all(self.wanted[name] & values for name, values in has.items())
        )
        self._let_through += through
        return through

    def check(self, root: Path) -> None:
        """After the last record: ArdError where something is asked for that no record has, with what there is."""
        _known(root, "subset", self._section.subset, self._sources)
        _known(root, "split", self._section.split, self._splits)
        for name, values in self.wanted.items():
            if name not in self._names:
                known = _listed(sorted(self._names))
                raise ArdError(f"no clip has a label '{name}'; there are: {known}", path=root, todo=CORRECT)
            unknown = [f"{name}={value}" for value in sorted(values - set(self._values[name]))]
            if unknown:
                known = f"values of {name} and their clips: {self._counted(name)}"
                raise ArdError(f"no clip has {', '.join(unknown)}; {known}", path=root, todo=CORRECT)
        if self.wanted and not self._let_through:
            asked = [*self._section.subset, *self._section.split, *self._section.labels]
            raise ArdError(
                f"no clip has all of {', '.join(asked)} at once; "
                + "; ".join(f"{name}: {self._counted(name)}" for name in self.wanted),
                path=root, todo="Values of one label are alternatives, all else must hold together: ask for less.",
            )  # fmt: skip

    def _counted(self, name: str) -> str:
        return _listed([f"{value} ({count})" for value, count in self._values[name].most_common()])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "") if names else "none"


def _known(root: Path, what: str, asked: list[str], present: set[str]) -> None:
    unknown = [name for name in asked if name not in present]
    if unknown:
        known = ", ".join(sorted(name for name in present if name)) or "none"
        raise ArdError(
            f"this data set has no {what} {', '.join(unknown)}; it has: {known}",
            path=root,
            todo=f"Correct `{what}` in study.toml.",
        )
