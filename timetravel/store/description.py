"""What does not change while a run is recorded (F20 to F22): to table rows and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from timetravel.errors import BadInput
from timetravel.store.facts import Module, RunDescription

_LAYER_TYPES = pa.schema(
    [
        ("layer_id", pa.int32()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("position", pa.int32()),
        ("depth", pa.int32()),
        ("channels", pa.int32()),
        ("parameter_count", pa.int64()),
        ("input_shape", pa.list_(pa.int32())),
        ("output_shape", pa.list_(pa.int32())),
        ("settings", pa.string()),
        ("is_representation", pa.bool_()),
    ]
)


def to_json(value: Any, what: str) -> str:
    """JSON text; NaN and infinities become null. BadInput, naming `what`, for what JSON has no form for."""
    try:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"{what} cannot be written as JSON ({error}); pass numbers, texts, lists and dicts"
        ) from error


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def check_text(text: str, what: str) -> str:
    """The text itself; BadInput when it holds a NUL, which no file format of ours can carry."""
    if "\0" in text:
        raise BadInput(f"{what} {text[:40]!r} holds a NUL character; remove it")
    return text


def moment(text: str | None) -> datetime | None:
    """An ISO time as a naive UTC datetime; None for None. BadInput for anything else."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"recorded_at is {text[:40]!r}; expected an ISO 8601 time such as 2025-01-31T12:00:00"
        ) from error
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def description_table(description: RunDescription, run_id: str, revision: int, library: str) -> pa.Table:
    """One row of `run`."""
    row = {
        "revision": revision,
        "run_id": run_id,
        "name": check_text(description.name, "the name of the run"),
        "created": datetime.now(UTC).replace(tzinfo=None),
        "library": library,
        "model": description.model,
        "factory": description.factory,
        "factory_arguments": to_json(description.factory_arguments, "factory_arguments"),
        "hyperparameters": to_json(description.hyperparameters, "hyperparameters"),
        "layer": description.layer,
        "data_set": description.data_set,
        "environment": to_json(description.environment, "environment"),
    }
    return pa.table(
        {name: pa.array([value], None if value is not None else pa.string()) for name, value in row.items()}
    )


def classes_table(names: Sequence[str], first: int) -> pa.Table:
    """Rows of `classes`, numbered from `first`."""
    checked = [check_text(str(name), "the class name") for name in names]
    return pa.table(
        {
            "class_id": pa.array(range(first, first + len(names)), pa.int32()),
            "name": pa.array(checked, pa.string()),
        }
    )


def layers_table(modules: Sequence[Module], ids: Sequence[int]) -> pa.Table:
    """Rows of `layers`: modules in execution order, each with the id that other tables use."""
    rows = [
        {
            "layer_id": layer_id,
            "name": module.name,
            "kind": module.kind or None,
            "position": position if module.kind else None,
            "depth": module.depth if module.kind else None,
            "channels": module.channels,
            "parameter_count": module.parameter_count if module.kind else None,
            "input_shape": module.input_shape,
            "output_shape": module.output_shape,
            "settings": to_json(module.settings, f"settings of module {module.name}"),
            "is_representation": module.is_representation,
        }
        for position, (module, layer_id) in enumerate(zip(modules, ids, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=_LAYER_TYPES)


def read_description(run: pa.Table, classes: Sequence[str], layers: pa.Table) -> RunDescription:
    """The description of the latest revision."""
    row = max(run.to_pylist(), key=lambda found: found["revision"])
    structure = sorted((one for one in layers.to_pylist() if one["kind"]), key=lambda one: one["layer_id"])
    return RunDescription(
        name=row["name"] or "",
        classes=tuple(classes),
        model=row["model"] or "",
        factory=row["factory"],
        factory_arguments=_mapping(row["factory_arguments"]),
        hyperparameters=_mapping(row["hyperparameters"]),
        layer=row["layer"],
        data_set=row["data_set"],
        environment=_mapping(row["environment"]),
        modules=[_module(one) for one in structure],
    )


def _mapping(text: str | None) -> dict[str, Any]:
    found = json.loads(text or "{}")
    return found if isinstance(found, dict) else {}


def _module(row: Mapping[str, Any]) -> Module:
    return Module(
        name=row["name"],
        kind=row["kind"],
        depth=row["depth"] or 0,
        channels=row["channels"],
        parameter_count=row["parameter_count"] or 0,
        input_shape=None if row["input_shape"] is None else tuple(row["input_shape"]),
        output_shape=None if row["output_shape"] is None else tuple(row["output_shape"]),
        settings=_mapping(row["settings"]),
        is_representation=bool(row["is_representation"]),
    )
