"""Inputs of a recorded run: exact, and as thumbnails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import MissingPart, RunCorrupt
from timetravel.store.facts import Inputs
from timetravel.store.inputs import decode_inputs, thumbnail
from timetravel.store.reader import LedgerReader

MOST_IN_A_LIST = 500
"""Up to so many ids are looked up one by one; more are read in one scan."""

NO_PICTURE = np.full((1, 1), 128, np.uint8)


class StoredInputs:
    """Reads inputs, keeping only palettes, ranges and layouts in memory."""

    def __init__(self, facts: LedgerReader) -> None:
        self._facts = facts
        self._palettes: dict[int, list[NDArray[np.float32]]] | None = None
        self._ranges: dict[str, tuple[float, float]] | None = None
        self._shows_pictures: bool | None = None

    def clear(self) -> None:
        """Forget what more samples may have changed."""
        self._palettes, self._ranges, self._shows_pictures = None, None, None

    def next_palette(self) -> int:
        """A palette id that is free."""
        return max(self._colors(), default=-1) + 1

    def inputs(self, ids: NDArray[np.int64]) -> Inputs | None:
        """In the order of `ids`; None when the run has no inputs. MissingPart names samples without one."""
        for layout in ("tensor", "image"):
            found = self._arrays(ids, layout)
            if found and all(int(sample) in found for sample in ids):
                return Inputs(ids=ids, arrays=[found[int(sample)] for sample in ids], layout=layout)
        if not self._scales():
            return None
        missing = [int(sample) for sample in ids if int(sample) not in found][:10]
        if not len(ids):
            return Inputs(ids=ids, arrays=[], layout="tensor")
        raise MissingPart(
            f"{self._facts.folder}: no input was recorded for samples {', '.join(map(str, missing))}; "
            "pass them in `samples` when recording"
        )

    def images(self, ids: NDArray[np.int64]) -> list[NDArray[np.uint8]] | None:
        """Thumbnails in the order of `ids`; None when the run has no pictures."""
        if not self._is_pictures():
            return None
        found: dict[int, NDArray[np.uint8]] = {}
        for layout in ("image", "tensor"):
            left = np.array([sample for sample in ids if int(sample) not in found], np.int64)
            low, high = self._scales().get(layout, (0.0, 1.0))
            for sample, array in self._arrays(left, layout).items():
                picture = thumbnail(array, low, high)
                if picture is not None:
                    found[sample] = picture
        return [found.get(int(sample), NO_PICTURE) for sample in ids]

    def _is_pictures(self) -> bool:
        if self._shows_pictures is None:
            table = self._facts.read("inputs", ["shape"], is_distinct=True)
            shapes = table.column("shape").to_pylist()
            self._shows_pictures = any(
                thumbnail(np.zeros(shape, np.uint8), 0, 1) is not None for shape in shapes
            )
        return self._shows_pictures

    def _arrays(self, ids: NDArray[np.int64], layout: str) -> dict[int, NDArray[Any]]:
        if layout not in self._scales() or not len(ids):
            return {}
        where = f"layout = '{layout}'"
        if len(ids) <= MOST_IN_A_LIST:
            where += f" AND sample_id IN ({', '.join(str(int(sample)) for sample in ids)})"
        columns = ["sample_id", "encoding", "shape", "palette_id", "data"]
        table = self._facts.read("inputs", columns, where=where)
        try:
            arrays = decode_inputs(table, self._colors())
        except (ValueError, KeyError) as error:
            raise RunCorrupt(
                f"{self._facts.folder}: inputs do not have the recorded form: {error}"
            ) from error
        return dict(zip(table.column("sample_id").to_pylist(), arrays, strict=True))

    def _colors(self) -> dict[int, list[NDArray[np.float32]]]:
        if self._palettes is None:
            table = self._facts.read("input_palettes", ["palette_id", "channel", "colors"])
            found: dict[int, list[NDArray[np.float32]]] = {}
            for row in sorted(table.to_pylist(), key=lambda row: (row["palette_id"], row["channel"])):
                found.setdefault(row["palette_id"], []).append(np.frombuffer(row["colors"], "<f4"))
            self._palettes = found
        return self._palettes

    def _scales(self) -> dict[str, tuple[float, float]]:
        """Layout -> smallest and largest value over the whole run; empty when there are no inputs."""
        if self._ranges is None:
            found: dict[str, tuple[float, float]] = {}
            for row in self._facts.read("input_ranges", ["layout", "low", "high"]).to_pylist():
                low, high = found.get(row["layout"], (np.inf, -np.inf))
                found[row["layout"]] = (min(low, row["low"]), max(high, row["high"]))
            self._ranges = found
        return self._ranges
