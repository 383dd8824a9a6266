"""Arguments of the recorder that are easy to get wrong, checked when they are given."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from timetravel.errors import BadInput
from timetravel.record.environment import plain

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def checkpoint_interval(given: str | int) -> int:
    """Epochs between checkpoints: 1 for "all", 0 for "none", k for a number."""
    if isinstance(given, bool) or not (given in ("all", "none") or (isinstance(given, int) and given > 0)):
        raise ValueError(
            f"checkpoints is {given!r}; pass 'all', 'none', or a number k to keep every k-th epoch"
        )
    return 1 if given == "all" else 0 if given == "none" else int(given)


def checked_factory(
    factory: str | None, arguments: Mapping[str, Any] | None
) -> tuple[str | None, dict[str, Any]]:
    """How the model is built again, its arguments checked to be JSON. Nothing of it is called."""
    if factory is None:
        if arguments:
            raise ValueError("factory_arguments is given without factory; pass factory='module:function' too")
        return None, {}
    if not _FACTORY.fullmatch(factory):
        raise ValueError(f"factory is {factory!r}; pass 'module:function', such as 'my_models:make_net'")
    given = dict(arguments or {})
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"factory_arguments is not JSON ({error}); pass numbers, texts, lists and dicts"
        ) from error
    return factory, given


def number(name: str, value: Any) -> float:
    """A metric as a float; tensors and arrays of one number are taken."""
    found = plain(value)
    if isinstance(found, str) and isinstance(value, float | np.floating | torch.Tensor):
        found = float(found)  # NaN and infinities, which JSON does not know
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise BadInput(f"{name} is a {type(value).__name__}; expected one number")
    return float(found)


def whole_number(name: str, value: Any) -> int:
    """`value` as an int, also of numpy, of a tensor, or of a float without a fraction."""
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, int | float) or found != int(found):
        raise BadInput(f"{name} is {found!r}; expected a whole number")
    return int(found)
