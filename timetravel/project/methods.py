"""Projection methods by name; each is imported only when it is asked for."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any, cast

from timetravel.project.contracts import ProjectionMethod

PLACES = {
    "aligned": "timetravel.project.aligned:Aligned",
    "umap": "timetravel.project.baselines.umap:PerEpochUMAP",
    "alignedumap": "timetravel.project.baselines.alignedumap:AlignedUMAP",
    "pca": "timetravel.project.baselines.pca:JointPCA",
    "tsne": "timetravel.project.baselines.tsne:PerEpochTSNE",
    "dvi": "timetravel.project.baselines.dvi:DeepVisualInsight",
    "timevis": "timetravel.project.baselines.timevis:TimeVis",
}


def method(name: str, **settings: Any) -> ProjectionMethod:
    """The method of that name. Settings that are None are left at the method's own.

    Raises ValueError for an unknown method, and for settings that it does not have.
    """
    if name not in PLACES:
        raise ValueError(f"there is no projection method {name!r}; there are {', '.join(PLACES)}")
    module, attribute = PLACES[name].split(":")
    given = {key: value for key, value in settings.items() if value is not None}
    if name == "aligned":
        from timetravel.project.aligned import Aligned, Settings

        device = given.pop("device", "cpu")
        _check(name, given, Settings)
        return Aligned(Settings(**given), device=device)
    kind = getattr(import_module(module), attribute)
    given.pop("device", None)
    _check(name, given, kind)
    return cast(ProjectionMethod, kind(**given))


def _check(name: str, given: dict[str, Any], kind: type) -> None:
    known = list(inspect.signature(kind).parameters)
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ValueError(
            f"method {name!r} has no setting {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
