"""Route of the classes: how each is told from the others over the epochs, and in what order they are learned."""

from __future__ import annotations

import math
from typing import Any

from timetravel.analyze.class_curves import ClassCurves, class_curves
from timetravel.analyze.learned_epochs import HOLD, THRESHOLD
from timetravel.analyze.learning_order import order_agreement
from timetravel.server.routes import Answer, Ask, Route
from timetravel.store.run import StoredRun


def classes(ask: Ask) -> Answer:
    """F1 of every class at every epoch, and when each is learned; with ?other= how alike another run orders them."""
    run = ask.run()
    found = class_curves(run)
    epochs = found.learned_epochs(run.epochs)
    rows = [
        {
            "class": one,
            "learned": epochs[one],
            "provisional": found.learned[one].is_provisional,
            "values": found.values[:, one],
        }
        for one in found.order
        if bool(
            (found.values[:, one] == found.values[:, one]).any()
        )  # a class without samples has no measure
    ]
    answer: dict[str, Any] = {
        "measure": "F1",
        "threshold": THRESHOLD,
        "hold": HOLD,
        "classes": rows,
        "missing": None if rows else "Without labels and predictions nothing is known of the classes.",
        "agreement": None,
    }
    keys = [run.key]
    if ask.arguments.get("other"):
        other = ask.site.library.run(ask.arguments["other"])
        keys.append(other.key)
        answer["agreement"] = _agreement(run, found, other)
    return Answer.json(answer, key="-".join(keys))


def _agreement(run: StoredRun, found: ClassCurves, other: StoredRun) -> dict[str, Any] | None:
    """Rank correlation of the orders over the classes that both learn; None where classes differ."""
    if run.classes != other.classes:
        return None
    alike = order_agreement(found.learned, class_curves(other).learned)
    return {"tau": None if math.isnan(alike.tau) else alike.tau, "count": alike.count}


ROUTES = (Route("GET", r"data/(?P<run>[^/]+)/classes\.json", classes, keep=True),)
