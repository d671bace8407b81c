"""A registry: names to classes, open to other packages through entry points (Rule 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from backend.errors import ArdError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of thing, each bound to the object that implements it.

    Built-in entries live in the modules listed in `builtin`, imported on first use so that asking
    for a name costs no import of the others' dependencies. Another package adds an entry through
    the entry-point group `ard.<kind>`; loading the entry point must return the object.

    Parameters
    ----------
    kind : str
        Plural noun used in messages and as the entry-point group, e.g. ``"targets"``.
    builtin : dict of str to str
        Name to module that registers it on import.
    """

    def __init__(self, kind: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self._modules = dict(builtin)
        self._found: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that binds `name` to the decorated object."""

        def bind(thing: T) -> T:
            self._found[name] = thing
            return thing

        return bind

    def __iter__(self) -> Iterator[str]:
        outside = {e.name for e in entry_points(group=f"ard.{self.kind}")}
        return iter(sorted({*self._modules, *self._found, *outside}))

    def get(self, name: str) -> T:
        """The object registered as `name`; ArdError naming the known ones if there is none."""
        if name not in self._found and name in self._modules:
            import_module(self._modules[name])
        if name not in self._found:
            for entry in entry_points(group=f"ard.{self.kind}"):
                if entry.name == name:
                    self._found[name] = entry.load()
        if name not in self._found:
            raise ArdError(f"there is no '{name}' among the {self.kind}", todo=f"Use one of: {', '.join(self)}.")
        return self._found[name]
