"""Small runs with everything in them, and a server with a plain client, for the tests of this folder."""

import asyncio
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from timetravel.store.facts import (
    Activations,
    BoundarySamples,
    Contour,
    DecisionRaster,
    EpochFacts,
    EpochRecord,
    Head,
    Inputs,
    Labelling,
    MapDescription,
    MapEpoch,
    RunDescription,
    Samples,
)
from timetravel.store.maps import MapWriter
from timetravel.store.run import open_run
from timetravel.store.writer import FactsWriter

N, D, EPOCHS, RESOLUTION = 60, 6, (0, 1, 3, 4), 16
CLASSES = ("cat", "dog", "a <b> & 'c'")
EXTENT = (-4.0, 4.0, -3.0, 3.0)
ABSENT = {1: (5, 17)}
"""Epoch -> rows that were not recorded there."""


def write_run(path: Path, *, seed: int = 0, name: str = "made", width: int = D, bare: bool = False) -> Path:
    """A run that learns three blobs. bare: representations alone, no labels, head, images or logits."""
    random = np.random.default_rng(seed)
    labels = np.arange(N, dtype=np.int32) % 3
    centers = random.normal(size=(3, width)) * 3
    ids = np.arange(100, 100 + N, dtype=np.int64)[::-1].copy()
    shown = labels.copy()
    shown[7] = -1
    samples = Samples(
        ids=ids,
        labels=np.full(N, -1, np.int32) if bare else shown,
        split=np.array(["train" if row % 4 else "test" for row in range(N)], object),
        true_labels=None if bare else np.where(np.arange(N) == 11, (labels + 1) % 3, labels).astype(np.int32),
        attributes={}
        if bare
        else {
            "brightness": random.random(N),
            "source": np.array([("web", "book", "<img>")[row % 3] for row in range(N)], object),
        },
    )
    pictures = (random.random((N, 1, 8, 8)) * 2 - 1).astype(np.float32)
    inputs = None if bare else Inputs(ids=ids, arrays=list(pictures), layout="tensor")
    description = RunDescription(
        name=name, classes=CLASSES, model="Tiny", hyperparameters={"lr": 0.1}, layer="fc", data_set="blobs"
    )
    with FactsWriter.open(path, description, samples, inputs) as writer:
        for position, epoch in enumerate(EPOCHS):
            keep = np.array([row not in ABSENT.get(epoch, ()) for row in range(N)])
            share = (position + 1) / len(EPOCHS)
            x = (share * centers[labels] + random.normal(size=(N, width))).astype(np.float32)[keep]
            head = Head(weight=centers.astype(np.float32), bias=np.zeros(3, np.float32))
            writer.commit(
                EpochFacts(
                    record=EpochRecord(
                        epoch=epoch,
                        step=10 * epoch,
                        seconds=0.5,
                        learning_rates=(0.1 if position < 2 else 0.01,),
                        metrics={} if bare else {"train_loss": 1 / (1 + position), "val_accuracy": share},
                    ),
                    sample_ids=ids[keep],
                    representations=x,
                    head=None if bare else head,
                    logits=None if bare else head.logits(x).astype(np.float32),
                    activations=()
                    if bare
                    else (
                        Activations(
                            layer="conv",
                            means=np.abs(x[:, :4]).astype(np.float16),
                            maxima=np.abs(2 * x[:, :4]).astype(np.float16),
                        ),
                    ),
                    labelling=None
                    if bare
                    else Labelling(
                        round=position,
                        labelled=(np.arange(N) < 10 * (position + 1))[keep],
                        picked=(np.arange(N) // 10 == position + 1)[keep],
                        rank=np.where(np.arange(N) // 10 == position + 1, np.arange(N) % 10 + 1, 0)[
                            keep
                        ].astype(np.int32),
                        strategy="margin",
                    ),
                )
            )
    return path


def write_map(path: Path, *, name: str = "aligned", seed: int = 0) -> None:
    """A map whose figures are made up but whole; with a raster where the run has a head."""
    random = np.random.default_rng(seed)
    with open_run(path) as run:
        has_head = run.head(run.epochs[0]) is not None
        count = len(run.samples)
        base = random.uniform(-2, 2, (count, 2))
        with MapWriter.open(
            run, MapDescription(name=name, method="aligned", parameters={}, seed=seed)
        ) as writer:
            for position, epoch in enumerate(run.epochs):
                present = run.present(epoch)
                points = np.where(present[:, None], base + 0.1 * position, np.nan).astype(np.float32)
                writer.commit(
                    [made_epoch(epoch, points, present, random, with_raster=has_head)], {"ppr": 0.99}
                )


def made_epoch(
    epoch: int, points: np.ndarray, present: np.ndarray, random: np.random.Generator, *, with_raster: bool
) -> MapEpoch:
    """One epoch of `write_map`."""
    count = len(points)
    cells = (RESOLUTION, RESOLUTION)
    raster = DecisionRaster(
        cell_class=random.integers(0, 3, cells).astype(np.int32),
        margin=random.random(cells).astype(np.float32),
        confidence=random.random(cells).astype(np.float32),
        trust=random.random(cells).astype(np.float32),
        extent=EXTENT,
    )
    return MapEpoch(
        epoch=epoch,
        positions=points,
        neighbors_kept=np.where(present, 0.5, np.nan).astype(np.float32),
        roundtrip_class=np.where(present, np.arange(count) % 3, -1).astype(np.int32),
        roundtrip_confidence=np.where(present, 0.01, np.nan).astype(np.float32),
        boundary_distance=np.where(present, 1.0, np.nan).astype(np.float32),
        placed=np.zeros(count, bool),
        raster=raster if with_raster else None,
        contours=[Contour(points=np.array([[0, 0], [1, 1], [2, 1]], np.float32), classes=(0, 2))]
        if with_raster
        else [],
        boundary=BoundarySamples(
            representations=np.zeros((2, D), np.float32),
            pairs=np.array([[0, 1], [0, 2]], np.int32),
            positions=np.zeros((2, 2), np.float32),
        )
        if with_raster
        else None,
        quality={"ppr": 0.97, "neighbor_preservation": 0.2, "trustworthiness": None},
    )


class Running:
    """A server in a thread, and a plain client for it."""

    def __init__(self, paths: list[Path], **options: Any) -> None:
        from timetravel.server.app import PageServer
        from timetravel.server.serve import make_site

        host_options = {
            key: options.pop(key) for key in ("token", "allow_origin", "prefix") if key in options
        }
        self.site = make_site(paths, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        async def start() -> PageServer:
            server = PageServer(self.site, **host_options)
            server.start()
            return server

        self.server = self.call(start())
        self.port = self.server.port

    def call(self, coroutine: Any) -> Any:
        """The result of a coroutine in the server's thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def fetch(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
        """The response, whatever its status; redirects are not followed."""
        import msgspec
        from tornado.httpclient import AsyncHTTPClient, HTTPRequest

        data = msgspec.json.encode(body) if body is not None and not isinstance(body, bytes) else body
        request = HTTPRequest(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            headers=headers,
            body=data,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            decompress_response=True,
            request_timeout=60,
        )

        async def send() -> Any:
            return await AsyncHTTPClient().fetch(request, raise_error=False)

        return self.call(send())

    def json(self, path: str, method: str = "GET", body: Any = None, *, status: int = 200) -> Any:
        """The decoded answer of that status."""
        import json

        answer = self.fetch(path, method, body)
        assert answer.code == status, (path, answer.code, answer.body[:500])
        return json.loads(answer.body)

    def close(self) -> None:
        async def stop() -> None:
            await self.server.stop()

        self.call(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()
