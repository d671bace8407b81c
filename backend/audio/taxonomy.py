"""The fixed taxonomy of the walkthrough: rules of `resources/corpus/taxonomy.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache

from backend.errors import ArdError
from backend.resources import resource

SKIP = "skip"


@dataclass(frozen=True)
class Leaf:
    """What a rule says about one file; `groups` are the pattern's named groups."""

    category: str
    label: str
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
    rules : tuple
        (pattern, category, label) in the order of the file; the first match decides.
    """

    folder: str
    licence: str
    language: str
    speaker: str
    rules: tuple[tuple[re.Pattern[str], str, str], ...]

    def leaf(self, name: str) -> Leaf | None:
        """The leaf of a path relative to `folder`; None if no rule takes it."""
        for pattern, category, label in self.rules:
            match = pattern.fullmatch(name)
            if match is None:
                continue
            groups = {key: value for key, value in match.groupdict().items() if value}
            if category == SKIP:
                return None
            language, speaker = (_filled(text, groups) for text in (self.language, self.speaker))
            return Leaf(category, _filled(label, groups), language, speaker, groups)
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
def taxonomy() -> Taxonomy:
    """The shipped taxonomy."""
    raw = tomllib.loads(resource("corpus/taxonomy.toml").read_text(encoding="utf-8"))
    packages = {
        name: PackageRules(
            folder=one["folder"],
            licence=one["licence"],
            language=one.get("language", ""),
            speaker=one.get("speaker", ""),
            rules=tuple((re.compile(pattern), category, label) for pattern, category, label in one["rules"]),
        )
        for name, one in raw["package"].items()
    }
    return Taxonomy(raw["limits"]["shortest"], raw["limits"]["longest"], packages)


def _filled(template: str, groups: dict[str, str]) -> str:
    """`template` with its {names}; empty if the pattern that matched lacks one of them."""
    try:
        return template.format(**groups)
    except KeyError:
        return ""
