"""What the sounds of a Debian package are: the rules of a taxonomy file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from backend.errors import ArdError
from backend.resources import resource

SKIP = "skip"


class Rule(NamedTuple):
    """Files whose whole path matches `pattern`; `phrase` is empty where the label needs no closer words."""

    pattern: re.Pattern[str]
    category: str
    label: str
    phrase: str = ""


@dataclass(frozen=True)
class Leaf:
    """What a rule says about one file; `groups` are the pattern's named groups."""

    category: str
    label: str
    phrase: str
    language: str
    speaker: str
    groups: dict[str, str]


@dataclass(frozen=True)
class PackageRules:
    """Where a package keeps its sound and how its paths are labelled.

    Attributes
    ----------
    folder : str
        Below the unpacked package, "/" as separator.
    rules : tuple of Rule
        In the order of the file; the first match decides.
    """

    folder: str
    licence: str
    language: str
    speaker: str
    rules: tuple[Rule, ...]

    def leaf(self, name: str) -> Leaf | None:
        """The leaf of a path relative to `folder`; None if no rule takes it."""
        for rule in self.rules:
            match = rule.pattern.fullmatch(name)
            if match is None:
                continue
            groups = {key: value for key, value in match.groupdict().items() if value}
            if rule.category == SKIP:
                return None
            label, phrase, language, speaker = (
                filled(text, groups) for text in (rule.label, rule.phrase, self.language, self.speaker)
            )
            return Leaf(rule.category, label, phrase, language, speaker, groups)
        return None


@dataclass(frozen=True)
class Taxonomy:
    """All packages' rules and the limits of a clip's duration in seconds."""

    shortest: float
    longest: float
    packages: dict[str, PackageRules]

    def rules(self, package: str) -> PackageRules:
        """The rules of a package; ArdError naming the known ones if it has none."""
        if package not in self.packages:
            raise ArdError(
                f"the taxonomy has no rules for the package '{package}'",
                todo=f"Use one of: {', '.join(sorted(self.packages))}.",
            )
        return self.packages[package]


@cache
def taxonomy(path: Path | None = None) -> Taxonomy:
    """The rules in `path`; without one, those of the walkthrough (`resources/corpus/taxonomy.toml`).

    Raises ArdError, naming the file, if it is not there or not TOML, lacks a key, or has a pattern that is none.
    """
    path = path or resource("corpus/taxonomy.toml")
    try:
        return _read(path)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, re.error) as error:
        raise ArdError(f"the taxonomy cannot be read: {error!r}", path=path, todo="Correct the file.") from error


def _read(path: Path) -> Taxonomy:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    packages = {
        name: PackageRules(
            folder=one["folder"],
            licence=one["licence"],
            language=one.get("language", ""),
            speaker=one.get("speaker", ""),
            rules=tuple(Rule(re.compile(pattern), *rest) for pattern, *rest in one["rules"]),
        )
        for name, one in raw["package"].items()
    }
    return Taxonomy(raw["limits"]["shortest"], raw["limits"]["longest"], packages)


def filled(template: str, groups: dict[str, str]) -> str:
    """`template` with its {names}; empty if the pattern that matched lacks one of them."""
    try:
        return template.format(**groups)
    except KeyError:
        return ""
