"""Names of layers: "encoder.3", "3" and "last" (A-08). No torch here: `ard status` resolves them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.errors import ArdError


def resolve_layer(layer: str, stacks: Mapping[str, int]) -> str:
    """The full name of `layer`: "3" and "last" mean the first stack; ArdError lists what exists.

    Layers are 0-based block outputs (A-08): "decoder.26" is the output of `layers[26]`.
    """
    stack, _, number = layer.rpartition(".")
    stack = stack or next(iter(stacks), "")
    count = stacks.get(stack, 0)
    if number == "last" and count:
        return f"{stack}.{count - 1}"
    if number.isascii() and number.isdigit() and int(number) < count:
        return f"{stack}.{int(number)}"
    known = ", ".join(f"{name}.0 … {name}.{count - 1}" for name, count in stacks.items())
    raise ArdError(f"this model has no layer '{layer}'", todo=f"Layers are 0-based block outputs: {known}.")


def resolve_all(layers: Sequence[str], stacks: Mapping[str, int]) -> list[str]:
    """Full names in the order asked, each once ("last" and "encoder.3" may be the same layer)."""
    return list(dict.fromkeys(resolve_layer(layer, stacks) for layer in layers))


def split_layer(layer: str) -> tuple[str, int]:
    """Stack and block of a full name: ("decoder", 26)."""
    stack, _, number = layer.rpartition(".")
    return stack, int(number)
