"""What the recipe knows of a sound file before hearing it: the rules of `resources/demo/taxonomy.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from backend.audio.taxonomy import Leaf, PackageRules, Taxonomy, filled, taxonomy
from backend.builtin.copyright import Copyright, Terms, is_shippable, read_copyright
from backend.builtin.examples import CATEGORIES
from backend.errors import ArdError

EXPANDED = "expanded"
"""Folder of an unpacked package into which its archives of sounds are expanded (`backend.builtin.archives`)."""

NUMBER = re.compile(r"[ _.\-]*\(?\d+\)?[a-e]?$")
"""End of the names of recordings of one series: "Dog1", "wood_footstep.2", "trumpet-12"."""

SPEAKERS = {"man": "a man", "woman": "a woman", None: "someone"}


class Override(NamedTuple):
    """Licence and author of the files whose path matches, where the copyright file does not tell them apart."""

    pattern: re.Pattern[str]
    terms: Terms


@dataclass(frozen=True)
class PackageNotes:
    """What the recipe adds to `PackageRules`.

    Attributes
    ----------
    copyright : str or None
        Folder of the source package that corresponds to `PackageRules.folder`, under which the machine-readable
        copyright file names the sounds; None where `author` and the package's licence hold for all of them.
    overrides : tuple of Override
        Come before both.
    groups : tuple of (pattern, group)
        Which files are one session, voice or instrument; the first match decides. Files that none matches are
        grouped by label and path without the number at its end.
    sexes : dict
        Named voices to "man" or "woman". Of speakers that are not here it is not known who is who.
    unseen : bool
        Whether no recording of this package may be trained on.
    """

    copyright: str | None
    author: str
    overrides: tuple[Override, ...]
    groups: tuple[tuple[re.Pattern[str], str], ...]
    sexes: dict[str, str]
    unseen: bool


@dataclass(frozen=True)
class Split:
    """Shares of a label's recordings that are kept from training.

    Attributes
    ----------
    held_out : float
        Of recordings that may not be shipped.
    shippable : dict
        Category to the held-out share of those that may: the demo ships held-out ones.
    validation : float
    """

    held_out: float
    shippable: dict[str, float]
    validation: float


@dataclass(frozen=True)
class Description:
    """What is known of one file by its path: the fields of `Recording` of the same names."""

    category: str
    label: str
    phrase: str
    attributes: dict[str, str]
    group: str
    licence: str
    author: str
    shippable: bool


@dataclass(frozen=True)
class Labels:
    """The recipe's taxonomy.

    Attributes
    ----------
    words : dict
        Label to phrase and, for instruments, family.
    languages : dict
        Code in file names to English name.
    most : dict
        Category to the most recordings of one label; a category that is missing has no limit.
    """

    taxonomy: Taxonomy
    notes: dict[str, PackageNotes]
    words: dict[str, dict[str, str]]
    languages: dict[str, str]
    most: dict[str, int]
    split: Split

    def folder(self, package: Path) -> Path:
        """Where the sounds of an unpacked package lie."""
        return package / self.taxonomy.rules(package.name).folder

    def describe(self, package: Path, name: str) -> Description | None:
        """What the rules say of a path below `folder`; None if they leave it out.

        Raises ArdError if a label has no phrase or a language no name, so that an incomplete taxonomy
        is noticed before anything is trained on it.
        """
        rules, notes = self.taxonomy.rules(package.name), self.notes[package.name]
        leaf = rules.leaf(name)
        if leaf is None:
            return None
        terms = self._terms(package, rules, notes, name)
        label, phrase, attributes = self._words(leaf, notes)
        return Description(
            category=leaf.category,
            label=label,
            phrase=phrase,
            attributes=attributes,
            group=f"{package.name}/{_group(notes, name, leaf, label)}",
            licence=terms.licence,
            author=terms.author,
            shippable=is_shippable(terms.licence),
        )

    def _words(self, leaf: Leaf, notes: PackageNotes) -> tuple[str, str, dict[str, str]]:
        if leaf.category == "speech":
            language = self.languages.get(leaf.language)
            if language is None:
                raise ArdError(f"the taxonomy has no name for the language '{leaf.language}'")
            sex = notes.sexes.get(leaf.speaker)
            known = {"voice": leaf.speaker, "sex": sex} if sex else {}
            phrase = f"{SPEAKERS[sex]} speaking {language}"
            return f"{language} {leaf.speaker}", phrase, {"language": language, **known}
        if leaf.label not in self.words:
            raise ArdError(f"the taxonomy has no phrase for the label '{leaf.label}'")
        words = self.words[leaf.label]
        family = {"family": words["family"]} if "family" in words else {}
        return leaf.label, leaf.phrase or words["phrase"], family

    def _terms(self, package: Path, rules: PackageRules, notes: PackageNotes, name: str) -> Terms:
        for override in notes.overrides:
            if override.pattern.fullmatch(name):
                return override.terms
        if notes.copyright is not None:
            path = package / "usr/share/doc" / package.name / "copyright"
            return _copyright(path).terms(f"{notes.copyright}/{name}".lstrip("/")) or Terms("", "")
        return Terms(rules.licence, notes.author)


@cache
def read_labels(path: Path) -> Labels:
    """The recipe's taxonomy in `path`; ArdError naming the file if it cannot be read."""
    rules = taxonomy(path)
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        labels = Labels(
            taxonomy=rules,
            notes={name: _notes(one) for name, one in raw["package"].items()},
            words=raw["label"],
            languages=raw["language"],
            most=raw["limits"].get("most", {}),
            split=Split(**raw["split"]),
        )
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise ArdError(f"the taxonomy cannot be read: {error!r}", path=path, todo="Correct the file.") from error
    for name, own in rules.packages.items():
        wrong = {rule.category for rule in own.rules} - {*CATEGORIES, "skip"}
        if wrong:
            raise ArdError(
                f"the rules of {name} name a category that is none: {', '.join(sorted(wrong))}",
                path=path,
                todo=f"Use one of: {', '.join(CATEGORIES)}, skip.",
            )
    return labels


def _notes(raw: Mapping[str, Any]) -> PackageNotes:
    return PackageNotes(
        copyright=raw.get("copyright"),
        author=raw.get("author", ""),
        overrides=tuple(
            Override(re.compile(pattern), Terms(licence, author)) for pattern, licence, author in raw.get("terms", [])
        ),
        groups=tuple((re.compile(pattern), group) for pattern, group in raw.get("groups", [])),
        sexes=dict(raw.get("sexes", {})),
        unseen=bool(raw.get("unseen", False)),
    )


def _group(notes: PackageNotes, name: str, leaf: Leaf, label: str) -> str:
    for pattern, group in notes.groups:
        match = pattern.fullmatch(name)
        if match:
            return filled(group, {**leaf.groups, **{key: value or "" for key, value in match.groupdict().items()}})
    return f"{label}/{NUMBER.sub('', name[: name.rfind('.')])}"


@cache
def _copyright(path: Path) -> Copyright:
    return read_copyright(path)
