"""Nearest samples in representation space by FAISS, with a cache on disk that is rebuilt, never trusted.

Exact up to 20,000 samples; above, an inverted file with 4 sqrt(N) lists of which 32 are searched (recall
.999 on real activations). An index file is read only when this account built it: its key and hash stand in
a list under the user's cache folder, since FAISS's own reader accepts damaged files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store import durable
from timetravel.store.places import user_cache, writing_place
from timetravel.store.recent import Recent

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun

EXACT_UP_TO = 20_000
LISTS_PER_ROOT = 4
LISTS_SEARCHED = 32
SPARE = 8
"""Neighbours asked for beyond k: ties are ordered by sample id among them."""

CACHE_BYTES = 1 << 30
MEMORY_BYTES = 512 << 20
TIES_SOLVED_EXACTLY = 256
BATCH_VALUES = 1 << 22


@dataclass(frozen=True, slots=True)
class Index:
    """An index over the finite rows of one epoch. rows: (n,) rows of the run; vectors: (n, D) float32 centred."""

    faiss: Any
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory in use, roughly."""
        return 2 * self.vectors.nbytes


class Indexes:
    """Neighbours at any epoch of a run."""

    def __init__(self, run: StoredRun) -> None:
        self._run = run
        self._recent: Recent[Index] = Recent(MEMORY_BYTES, lambda index: index.nbytes)

    def of_row(self, row: int, epoch: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and distances of the k nearest samples, fewer when there are not so many; none when the sample
        is absent or not finite."""
        index = self._index(epoch)
        at = int(np.searchsorted(index.rows, row))
        if at == len(index.rows) or index.rows[at] != row:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found, distances = self._search(index, np.array([at]), _checked(k))
        known = found[0] >= 0
        return index.rows[found[0][known]], distances[0][known]

    def all(self, epoch: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(N, k) rows of the nearest samples, -1 where there are none, and (N, k) distances, NaN there."""
        index, k = self._index(epoch), _checked(k)
        count = len(self._run.samples)
        rows, distances = np.full((count, k), -1, np.int64), np.full((count, k), np.nan, np.float32)
        found, lengths = self._search(index, np.arange(len(index.rows)), k)
        distances[index.rows] = lengths
        rows[index.rows] = (
            np.where(found >= 0, index.rows[np.maximum(found, 0)], -1) if len(index.rows) else found
        )
        return rows, distances

    def _search(
        self, index: Index, at: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions in the index, -1 where there are fewer than k, and distances, NaN there."""
        ids = self._run.samples.ids[index.rows]
        count = len(index.rows)
        wanted = min(k + 1 + SPARE, count)
        out = np.full((len(at), k), -1, np.int64)
        lengths = np.full((len(at), k), np.nan, np.float32)
        if count < 2:
            return out, lengths
        step = max(1, BATCH_VALUES // max(1, wanted * index.vectors.shape[1]))
        torn: list[int] = []
        for start in range(0, len(at), 4096):
            queries = at[start : start + 4096]
            _, candidates = index.faiss.search(index.vectors[queries], wanted)
            for first in range(0, len(queries), step):
                part = slice(first, first + step)
                rows, found, is_torn = _nearest(index.vectors, ids, queries[part], candidates[part], k)
                place = slice(start + first, start + first + len(rows))
                out[place, : rows.shape[1]], lengths[place, : rows.shape[1]] = rows, found
                torn += [start + first + int(one) for one in np.flatnonzero(is_torn)]
        if torn and wanted < count:
            _settle_ties(index.vectors, ids, at, torn, out, lengths)
        return out, lengths

    def _index(self, epoch: int) -> Index:
        record = self._run.record(epoch)
        key = self._key(epoch)
        return self._recent.get(
            (key, len(self._run.samples)), lambda: self._make(epoch, key, record.nonfinite_count)
        )

    def _key(self, epoch: int) -> str:
        import faiss

        segment = self._run._facts.segments("vectors", epoch)[0]
        settings = (
            f"{segment.sha256} flat<={EXACT_UP_TO} ivf {LISTS_PER_ROOT} {LISTS_SEARCHED} {faiss.__version__}"
        )
        return hashlib.sha256(settings.encode()).hexdigest()

    def _make(self, epoch: int, key: str, nonfinite: int) -> Index:
        folder = writing_place(self._run.path, self._run.run_id) / "indexes"
        if nonfinite == 0:
            rows = np.flatnonzero(self._run.present(epoch))
            loaded = _load(folder, key, len(rows), self._run.record(epoch).width)
            if loaded is not None:
                return Index(loaded, rows, loaded.reconstruct_n(0, len(rows)).reshape(len(rows), -1))
        values = self._run.representations(epoch).astype(np.float32)
        rows = np.flatnonzero(np.isfinite(values).all(axis=1))
        vectors = centred(values[rows])
        built = build(vectors)
        if nonfinite == 0:
            # A full disk or a refused folder only means that the index is built again next time.
            with contextlib.suppress(OSError):
                _save(folder, key, built)
        return Index(built, rows, vectors)


def _checked(k: int) -> int:
    if k < 1:
        raise BadInput(f"k is {k}; expected at least one neighbour")
    return int(k)


def centred(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, D) with its mean at 0, where float32 distances are most exact. Values far from 1 keep their scale
    through float64."""
    if not len(values):
        return values
    middle = values.mean(axis=0, dtype=np.float64)
    found = np.empty_like(values)
    for start in range(0, len(values), 4096):
        found[start : start + 4096] = values[start : start + 4096] - middle
    return found


def build(vectors: NDArray[np.float32]) -> Any:
    """An index over (n, D) float32; the same for the same vectors."""
    import faiss

    count, width = vectors.shape
    index: Any
    if count <= EXACT_UP_TO:
        index = faiss.IndexFlatL2(width)
    else:
        lists = int(LISTS_PER_ROOT * np.sqrt(count))
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, lists)
        index.nprobe = LISTS_SEARCHED
        # Just above EXACT_UP_TO there are 35 for each list, which serve; FAISS would warn.
        index.cp.min_points_per_centroid = 1
        index.train(vectors)
    if count:
        index.add(vectors)
    if count > EXACT_UP_TO:
        index.make_direct_map()
    return index


def _nearest(
    vectors: NDArray[np.float32],
    ids: NDArray[np.int64],
    queries: NDArray[np.int64],
    candidates: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    """The k best of each row of candidates, itself left out, ties by id; and where a tie crosses the last place.

    Distances are computed again from the vectors: FAISS expands the square, so that duplicates would not be 0.
    """
    usable = (candidates >= 0) & (candidates != queries[:, None])
    at = np.where(usable, candidates, 0)
    distances = distance(vectors[at], vectors[queries][:, None, :])
    distances = np.where(usable, distances, np.inf)
    order = np.lexsort((ids[at], distances), axis=1)[:, :k]
    rows, found = np.take_along_axis(at, order, 1), np.take_along_axis(distances, order, 1)
    last = np.where(usable, distances, -np.inf).max(axis=1)
    is_torn = found[:, -1] >= last
    is_known = np.isfinite(found)
    return np.where(is_known, rows, -1), np.where(is_known, found, np.nan).astype(np.float32), is_torn


def distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distance over the last axis; safe for values whose squares float32 cannot hold."""
    difference = a - b
    largest = float(np.abs(difference).max(initial=0))
    scale = np.float32(largest) if largest > 1e15 or 0 < largest < 1e-15 else np.float32(1)
    difference = difference / scale if scale != 1 else difference
    found: NDArray[np.float32] = np.sqrt(np.einsum("...i,...i->...", difference, difference)) * scale
    return found


def _settle_ties(
    vectors: NDArray[np.float32],
    ids: NDArray[np.int64],
    at: NDArray[np.int64],
    torn: list[int],
    out: NDArray[np.int64],
    lengths: NDArray[np.float32],
) -> None:
    """Where more samples tie for the last place than were looked at, take those of the lowest ids.

    Exact duplicates (a collapsed network) are settled by groups, others one by one up to a limit.
    """
    k = out.shape[1]
    _, group = np.unique(vectors, axis=0, return_inverse=True)
    group = group.reshape(-1)
    by_group = np.lexsort((ids, group))
    starts = np.searchsorted(group[by_group], np.arange(group.max() + 2))
    solved = 0
    for place in torn:
        own = int(at[place])
        members = by_group[starts[group[own]] : starts[group[own] + 1]][: k + 1]
        members = members[members != own][:k]
        if len(members) == k:
            out[place], lengths[place] = members, 0
        elif solved < TIES_SOLVED_EXACTLY:
            solved += 1
            distances = distance(vectors, vectors[own])
            distances[own] = np.inf
            order = np.lexsort((ids, distances))[: min(k, len(ids) - 1)]
            out[place, : len(order)], lengths[place, : len(order)] = order, distances[order]


def _keys_file() -> Path:
    return user_cache() / "indexes.keys"


def _save(folder: Path, key: str, index: Any) -> None:
    """Write an index and its sidecar, note that this account built it, and keep the cache below its bound."""
    import faiss

    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{key}.{os.getpid()}.tmp"
    try:
        fresh.write_bytes(faiss.serialize_index(index).tobytes())
        digest = durable.sha256_of(fresh)
        os.replace(fresh, folder / f"{key}.faiss")
    finally:
        fresh.unlink(missing_ok=True)
    note = {"kind": type(index).__name__, "count": index.ntotal, "width": index.d, "sha256": digest}
    (folder / f"{key}.json").write_text(json.dumps(note))
    keys = _keys_file()
    keys.parent.mkdir(parents=True, exist_ok=True)
    with open(keys, "a") as file:
        file.write(f"{key} {digest}\n")
    _evict(folder)


def _evict(folder: Path) -> None:
    found = sorted(
        ((one.stat().st_mtime, one.stat().st_size, one) for one in folder.glob("*.faiss")), reverse=True
    )
    total = 0
    for number, (_, size, path) in enumerate(found):
        total += size
        if total > CACHE_BYTES and number:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)


def _load(folder: Path, key: str, count: int, width: int) -> Any:
    """The cached index, or None: not there, not ours, changed, or not of the expected kind and size."""
    import faiss

    path = folder / f"{key}.faiss"
    try:
        if path.is_symlink() or path.stat().st_size > 4 * count * width + 64 * count + (64 << 20):
            return None
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if f"{key} {digest}" not in _keys_file().read_text().splitlines():
            return None
        os.utime(path)
    except OSError:
        return None
    try:
        index: Any = faiss.deserialize_index(np.frombuffer(content, np.uint8))
    except RuntimeError:
        return None
    expected = "IndexFlatL2" if count <= EXACT_UP_TO else "IndexIVFFlat"
    if type(index).__name__ != expected or (index.ntotal, index.d) != (count, width):
        return None
    if count > EXACT_UP_TO:
        index.nprobe = LISTS_SEARCHED
        index.make_direct_map()
    return index
