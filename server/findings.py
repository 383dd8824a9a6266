"""Route of what to look at first: a few ranked conclusions, each a sentence that leads to its samples."""

from __future__ import annotations

from dataclasses import asdict

from timetravel.analyze.findings import findings
from timetravel.server.routes import Answer, Ask, Route


def look_here_first(ask: Ask) -> Answer:
    """The findings of a run, and why there are not more."""
    run = ask.run()
    found = findings(run)
    return Answer.json(
        {"findings": [asdict(one) for one in found.findings], "missing": found.missing}, key=run.key
    )


ROUTES = (Route("GET", r"data/(?P<run>[^/]+)/findings\.json", look_here_first, keep=True, slow=True),)
