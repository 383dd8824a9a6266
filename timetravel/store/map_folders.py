"""The maps of a run: which folders hold them, under which names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from timetravel.errors import RunCorrupt, RunNotFound, TimetravelError
from timetravel.store import manifest
from timetravel.store.facts import MapDescription
from timetravel.store.manifest import VERSION, check_version, read_bounded
from timetravel.store.places import reading_places
from timetravel.store.stored_map import StoredMap

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun

NAME = "map.json"
FORMAT = "timetravel-map"


class MapIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """map.json: what a map is, written once into its folder."""

    name: str
    method: str
    parameters: dict[str, Any]
    seed: int
    run_id: str
    created: str = ""
    library: str = ""
    facts_generation: int = 0
    format: str = FORMAT
    version: int = VERSION
    minimum_reader: int = VERSION

    def describe(self) -> MapDescription:
        """As the layers above know it."""
        return MapDescription(
            name=self.name,
            method=self.method,
            parameters=self.parameters,
            seed=self.seed,
            created=self.created,
            library=self.library,
        )


def read_map_identity(folder: Path) -> MapIdentity | None:
    """None when there is no map.json; RunCorrupt and FormatTooNew name the file."""
    path = folder / NAME
    try:
        plain = msgspec.json.decode(read_bounded(path, 1 << 20))
        if not isinstance(plain, dict):
            raise msgspec.ValidationError("it holds no object")
        check_version(plain, path)
        return msgspec.convert(plain, MapIdentity, strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise RunCorrupt(f"{path} does not say what map this is: {str(error)[:200]}") from error


class MapFolders:
    """Finds maps by name. A map that is to replace another is not seen before it is complete.

    troubles: folder -> sentence, for maps that cannot be read; the others work.
    """

    def __init__(self, run: StoredRun) -> None:
        self._run = run
        self._stamps: dict[Path, tuple[int, int, int]] | None = None
        self._open: dict[str, StoredMap] = {}
        self._folders: dict[str, Path] = {}
        self.troubles: dict[str, str] = {}

    def state(self) -> frozenset[object]:
        """What there is now: differs when a map came, went or grew."""
        stamps = self._look()
        if stamps != self._stamps:
            self._stamps = stamps
            self._read(stamps)
        return frozenset(stamps.items())

    def _look(self) -> dict[Path, tuple[int, int, int]]:
        stamps = {}
        for place in reading_places(self._run.path, self._run.run_id):
            try:
                folders = sorted((place / "maps").iterdir())
            except OSError:
                continue
            for folder in folders:
                try:
                    found = (folder / manifest.NAME).stat()
                except OSError:
                    continue
                if not folder.is_symlink() and not folder.suffix:
                    stamps[folder] = (found.st_ino, found.st_size, found.st_mtime_ns)
        return stamps

    def _read(self, stamps: dict[Path, tuple[int, int, int]]) -> None:
        found: list[tuple[str, int, str, Path]] = []
        self.troubles = {}
        for folder in stamps:
            try:
                identity, loaded = read_map_identity(folder), manifest.load(folder)
            except TimetravelError as error:
                self.troubles[str(folder)] = str(error)
                continue
            if identity is None or loaded is None or loaded[0].pending:
                continue
            if any(segment.epochs for segment in loaded[0].segments):
                found.append((identity.created, len(found), identity.name, folder))
        self._folders = {name: folder for _, _, name, folder in sorted(found)}
        order = [name for _, _, name, _ in sorted(found)]
        # A name that is there twice (a replaced map whose old folder could not go yet) counts once, as the newest.
        self._names = [name for at, name in enumerate(order) if name not in order[at + 1 :]]
        self._open = {}

    def clear(self) -> None:
        """Forget open maps: the run's samples may have grown."""
        self._open = {}

    def names(self) -> list[str]:
        """Names, newest last."""
        self.state()
        return list(self._names)

    def get(self, name: str | None) -> StoredMap:
        """The map of that name, the newest without one."""
        with self._run._lock:
            names = self.names()
            if not names:
                trouble = next(iter(self.troubles.values()), None)
                if trouble:
                    raise RunCorrupt(trouble)
                raise RunNotFound(
                    f"{self._run.path} has no map yet; make one with `timetravel project {self._run.path}`"
                )
            wanted = names[-1] if name is None else name
            if wanted not in self._folders:
                raise RunNotFound(
                    f"{self._run.path} has no map {wanted!r}, it has {', '.join(map(repr, names))}; make it with "
                    f"`timetravel project {self._run.path} --map NAME`"
                )
            if wanted not in self._open:
                folder = self._folders[wanted]
                identity = read_map_identity(folder)
                if identity is None:
                    raise RunCorrupt(
                        f"{folder / NAME} is missing; make the map again with `timetravel project`"
                    )
                self._open[wanted] = StoredMap(
                    folder, identity.describe(), self._run._database, self._run.samples.ids, self._run.epochs
                )
            return self._open[wanted]
