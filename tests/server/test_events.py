"""What happened over the training, as the page asks for it."""

from pathlib import Path

import numpy as np
from made_runs import EPOCHS, N, Running

from timetravel.analyze.events import KINDS, event_table
from timetravel.run import open_run
from timetravel.server.encode import mask_rows
from timetravel.server.events import NAMES


def test_every_kind_has_words() -> None:
    assert set(NAMES) == set(KINDS)


def test_events_are_counted_and_told(served: Running, runs: dict[str, Path]) -> None:
    with open_run(runs["made"]) as run:
        table = event_table(run)
        told = served.json("data/made/events.json")
        assert told["epochs"] == list(EPOCHS)
        kinds = {one["kind"]: one["counts"] for one in told["kinds"]}
        assert (run.samples.labels < 0).any()
        assert "flip" in kinds  # of samples without a label it is all there is
        assert {"learned", "forgotten"} <= set(kinds)
        for kind, counts in kinds.items():
            for position, epoch in enumerate(EPOCHS):
                own = table.where(kind=kind, position=position)
                assert counts[position] == len(own)
                answer = served.json(f"data/made/events/{kind}/{epoch}.json")
                assert answer["count"] == len(own)
                assert mask_rows(answer["mask"], N).tolist() == np.unique(own.row).tolist()
                assert len(answer["events"]) == min(len(own), 40)
                for one in answer["events"]:
                    assert one["id"] == run.samples.ids[one["row"]]
                    assert one["text"]
    assert "learned" in served.json("data/made/events/nosuch/3.json", status=404)["error"]["do"]
