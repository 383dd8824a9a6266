"""A network as it was at an epoch: its architecture from a factory, its weights from a checkpoint.

Nothing here decides whether a factory may run. Callers pass the one that the person who looks has given;
the name that a run carries is only ever shown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput, MissingPart

NAMED_KEYS = 5
"""How many missing or extra parameters an error names before it counts the rest."""

HOW_TO_PASS = "pass the function that builds the network as --factory module:function, or factory= in Python"


def rebuild(
    factory: str, arguments: Mapping[str, Any], parameters: Mapping[str, NDArray[Any]], *, device: str = "cpu"
) -> nn.Module:
    """The network in evaluation mode with the given state dict in it.

    factory: "module:function", called with `arguments` as keywords; modules of the current folder count.
    parameters: state dict name to array, as a run's checkpoint gives it; it must fit exactly.
    Global random state is as before. Raises MissingPart when the factory cannot be found, BadInput when it
    fails or when the weights do not fit, naming the keys.
    """
    with _random_state_kept():
        model = build(factory, arguments)
    load(model, parameters, factory)
    # Frozen layers too: a gradient with respect to a layer's output needs a path to it.
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.requires_grad_(True)
    return model.to(device).eval()


def build(factory: str, arguments: Mapping[str, Any]) -> nn.Module:
    """What the factory makes, untrained."""
    function = _function(factory)
    try:
        model = function(**arguments)
    except Exception as error:
        raise BadInput(
            f"factory {factory} called with {dict(arguments)} raised {type(error).__name__}: {error}; "
            "expected it to build the network; pass other factory arguments"
        ) from error
    if not isinstance(model, nn.Module):
        raise BadInput(
            f"factory {factory} gave a {type(model).__name__}; expected a torch.nn.Module; {HOW_TO_PASS}"
        )
    return model


def load(model: nn.Module, parameters: Mapping[str, NDArray[Any]], factory: str) -> None:
    """Puts the weights into `model`, strictly; one tensor under two names may come once."""
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    held = {value.data_ptr() for name, value in own.items() if name in parameters and value.numel()}
    missing = [name for name, value in own.items() if name not in parameters and value.data_ptr() not in held]
    extra = [name for name in parameters if name not in own]
    other = [
        f"{name} {np.shape(parameters[name])} instead of {tuple(value.shape)}"
        for name, value in own.items()
        if name in parameters and np.shape(parameters[name]) != tuple(value.shape)
    ]
    faults = [
        f"{words}: {_some(names)}"
        for words, names in (
            ("keys missing in the checkpoint", missing),
            ("extra keys in the checkpoint", extra),
            ("shapes that differ", other),
        )
        if names
    ]
    if faults:
        raise BadInput(
            f"the checkpoint does not fit the network of factory {factory}: {'; '.join(faults)}; "
            "pass the factory and the factory arguments that the run was trained with"
        )
    with torch.no_grad():
        for name, value in own.items():
            if name in parameters:
                # Copied: arrays may be read-only views of a mapped file.
                value.copy_(torch.from_numpy(np.array(parameters[name])))


def _function(factory: str) -> Any:
    module_name, colon, path = factory.partition(":")
    if not (colon and module_name and path):
        raise MissingPart(f"factory {factory!r} is not of the form module:function; {HOW_TO_PASS}")
    with _current_folder_importable():
        try:
            found: Any = import_module(module_name)
        except ImportError as error:
            raise MissingPart(
                f"the module of factory {factory} cannot be imported ({error}); expected it to be installed or "
                "to lie in the folder that the command is run from; run it from there, or set PYTHONPATH"
            ) from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise MissingPart(f"module {module_name} has no {path}; {HOW_TO_PASS}")
        found = getattr(found, part)
    if not callable(found):
        raise MissingPart(f"{factory} is a {type(found).__name__}, no function; {HOW_TO_PASS}")
    return found


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    # Last on the path, so that a file of the folder never hides an installed package.
    folder = str(Path.cwd())
    added = folder not in sys.path and "" not in sys.path
    if added:
        sys.path.append(folder)
    try:
        yield
    finally:
        if added and folder in sys.path:
            sys.path.remove(folder)


@contextmanager
def _random_state_kept() -> Iterator[None]:
    legacy = np.random.get_state()  # noqa: NPY002  (a factory may draw from it; it is put back)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            yield
        finally:
            np.random.set_state(legacy)  # noqa: NPY002


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED_KEYS
    return ", ".join(names[:NAMED_KEYS]) + (f" and {rest} more" if rest > 0 else "")
