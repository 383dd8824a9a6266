"""What a recorder leaves in the run folder, and what it does when something is wrong."""

from __future__ import annotations

import gc
import json
import os
import platform
import socket
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from timetravel.errors import BadInput, RunLocked, TimetravelError, TimetravelWarning
from timetravel.record import sources
from timetravel.record.recorder import Recorder
from timetravel.store.run import open_run

Digits = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Recorder]


def test_an_epoch_holds_what_the_network_says(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    inputs, labels = digits
    with record(
        net, digits, classes=list("abcdefghij"), activations=["0", "6"], hyperparameters={"note": "x"}
    ) as recorder:
        assert recorder.record(
            3, step=120, train_loss=1.5, val_loss=None, val_accuracy=torch.tensor(0.25), extra=np.float32(2)
        )
    net.eval()
    with torch.no_grad():
        logits = net(inputs)
        representations = net[:8](inputs)
        maps = net[0](inputs)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [3]
        assert run.classes == tuple("abcdefghij")
        np.testing.assert_array_equal(run.samples.labels, labels)
        np.testing.assert_array_equal(run.samples.ids, np.arange(300))
        np.testing.assert_allclose(run.logits(3), logits, atol=1e-5)
        np.testing.assert_allclose(run.representations(3), representations, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(run.predictions(3).predicted, logits.argmax(1))
        np.testing.assert_allclose(
            run.predictions(3).loss, nn.functional.cross_entropy(logits, labels, reduction="none"), atol=1e-5
        )
        head = run.head(3)
        assert head is not None
        np.testing.assert_array_equal(head.weight, net[8].weight.detach())
        np.testing.assert_array_equal(head.bias, net[8].bias.detach())
        activations = run.activations(3)
        assert list(activations) == ["0", "6"]
        np.testing.assert_allclose(activations["0"].maxima, maps.amax((2, 3)), rtol=2e-3, atol=1e-3)
        saved = run.checkpoint(3)
        assert saved is not None
        assert saved.keys() == net.state_dict().keys()
        for name, value in net.state_dict().items():
            np.testing.assert_array_equal(saved[name], value)
        record_of = run.record(3)
        assert (record_of.step, record_of.metrics["train_loss"], record_of.metrics["extra"]) == (
            120,
            1.5,
            2.0,
        )
        assert record_of.metrics["val_accuracy"] == 0.25
        assert record_of.seconds is not None
        description = run.description
        assert (description.model, description.layer) == ("Sequential", "input of 8")
        assert description.hyperparameters["note"] == "x"
        assert [module.name for module in description.modules] == [str(number) for number in range(9)]
        stored = run.inputs([7])
        assert stored is not None
        assert stored.layout == "tensor"
        np.testing.assert_array_equal(stored.arrays[0], inputs[7])


def test_weights_leave_statistics_and_changes(
    record: Make, net: nn.Sequential, digits: Digits, train: Any, tmp_path: Path
) -> None:
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.5)
    with record(net, digits, optimizer=optimizer) as recorder:
        recorder.record(0)
        before = {name: value.detach().clone() for name, value in net.named_parameters()}
        train(net, optimizer, *digits)
        optimizer.param_groups[0]["lr"] = 0.05
        recorder.record(1)
        optimizer.zero_grad()
        recorder.record(2)
    with open_run(tmp_path / "run") as run:
        first, second, third = (
            {(s.layer, s.parameter): s for s in run.statistics(epoch)} for epoch in (0, 1, 2)
        )
        assert first.keys() == {
            ("0", "weight"),
            ("0", "bias"),
            ("1", "weight"),
            ("1", "bias"),
            *_linear("6"),
            *_linear("8"),
        }
        figures = second["6", "weight"].figures
        weight = net[6].weight.detach()
        assert figures["weight_mean"] == pytest.approx(weight.mean().item(), abs=1e-7)
        assert figures["weight_std"] == pytest.approx(weight.std(correction=0).item(), rel=1e-5)
        assert figures["gradient_norm"] > 0
        change = (weight - before["6.weight"]).norm() / before["6.weight"].norm()
        assert figures["update_ratio"] == pytest.approx(change.item(), rel=1e-5)
        assert first["6", "weight"].figures.get("update_ratio") is None
        assert first["6", "weight"].figures.get("gradient_norm") is None
        assert third["6", "weight"].figures.get("gradient_norm") is None  # zero_grad sets gradients to None
        assert third["6", "weight"].figures["update_norm"] == 0
        assert second["6", "weight"].weight_histogram.sum() == weight.numel()
        changes = {one.layer: one for one in run.filter_changes(1)}
        assert changes.keys() == {"0", "6", "8"}
        cosine = 1 - nn.functional.cosine_similarity(weight.double(), before["6.weight"].double())
        np.testing.assert_allclose(changes["6"].cosine, cosine, rtol=1e-3)
        assert np.isnan(run.filter_changes(0)[0].cosine).all()
        np.testing.assert_array_equal(run.filter_changes(2)[0].cosine, 0)
        assert run.record(0).learning_rates == (0.1,)
        assert run.record(1).learning_rates == (0.05,)
        assert run.description.hyperparameters["optimizer"] == "SGD"
        assert run.description.hyperparameters["momentum"] == 0.5


def _linear(name: str) -> set[tuple[str, str]]:
    return {(name, "weight"), (name, "bias")}


@pytest.mark.parametrize(
    "form", ["data set", "loader", "shuffling loader", "subset", "unlabelled", "numpy", "list"]
)
def test_samples_come_in_many_forms(
    form: str, record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    inputs, labels = digits

    class Items(Dataset):  # type: ignore[type-arg]
        classes = tuple("0123456789")

        def __len__(self) -> int:
            return 300

        def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
            return inputs[row], int(labels[row])

    samples = {
        "data set": lambda: Items(),
        "loader": lambda: DataLoader(Items(), batch_size=7),
        "shuffling loader": lambda: DataLoader(Items(), batch_size=7, shuffle=True),
        "subset": lambda: Subset(ConcatDataset([Items(), Items()]), range(300, 600)),
        "unlabelled": lambda: (inputs, None),
        "numpy": lambda: (inputs.numpy(), labels.numpy()),
        "list": lambda: [inputs, labels],
    }[form]()
    with record(net, samples) as recorder:
        recorder.record(0)
        recorder.record(1)
    net.eval()
    with open_run(tmp_path / "run") as run, torch.no_grad():
        expected = np.full(300, -1) if form == "unlabelled" else labels.numpy()
        np.testing.assert_array_equal(run.samples.labels, expected)
        np.testing.assert_allclose(run.logits(1), net(inputs), atol=1e-5)
        assert run.classes == tuple("0123456789")


def test_the_shipped_digits_bring_their_ids_classes_and_parts(
    record: Make, net: nn.Sequential, tmp_path: Path
) -> None:
    from torchvision.transforms import ToTensor

    from timetravel.sampledata import digits as load

    both = ConcatDataset([load(train=True, transform=ToTensor()), load(train=False, transform=ToTensor())])
    with record(net, Subset(both, range(1400, 1500))) as recorder:
        recorder.record(0)
    with open_run(tmp_path / "run") as run:
        assert run.classes == tuple("0123456789")
        assert (run.samples.split == ["train"] * 38 + ["test"] * 62).all()
        np.testing.assert_array_equal(run.samples.ids[38:41], [4, 9, 14])
        assert run.description.data_set == "Digits"


def test_inputs_by_name_and_outputs_by_name(record: Make, digits: Digits, tmp_path: Path) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(64, 10)

        def forward(self, pixels: torch.Tensor, scale: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": self.head(pixels.flatten(1) * scale[:, None])}

    items = [{"pixels": x, "scale": torch.ones(()), "labels": int(y)} for x, y in zip(*digits, strict=True)]
    with record(Named(), items, output="logits") as recorder:
        recorder.record(0)
    with open_run(tmp_path / "run") as run:
        assert run.representations(0).shape == (300, 64)
        assert run.inputs([0]) is None


def test_metadata_splits_right_labels_and_ids_are_kept(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    right = digits[1].clone()
    right[0] = (right[0] + 1) % 10
    ids = np.arange(300) * 3 + 5
    with record(
        net,
        digits,
        split=["train"] * 200 + ["val"] * 100,
        sample_ids=ids,
        true_labels=right,
        metadata={"brightness": digits[0].mean((1, 2, 3)), "writer": [f"w{n % 7}" for n in range(300)]},
        images=np.full((300, 9, 7, 3), 40, np.uint8),
    ) as recorder:
        recorder.record(0)
    with open_run(tmp_path / "run") as run:
        np.testing.assert_array_equal(run.samples.ids, ids)
        assert (run.samples.split[199], run.samples.split[200]) == ("train", "validation")
        assert run.samples.noisy is not None
        assert np.flatnonzero(run.samples.noisy).tolist() == [0]
        np.testing.assert_allclose(run.samples.attributes["brightness"], digits[0].mean((1, 2, 3)), rtol=1e-6)
        assert run.samples.attributes["writer"][8] == "w1"
        exact, shown = run.inputs(ids[:1]), run.images(ids[:1])
        assert exact is not None
        assert shown is not None
        np.testing.assert_array_equal(exact.arrays[0], digits[0][0])
        np.testing.assert_array_equal(shown[0], np.full((9, 7, 3), 40))


def test_active_learning_is_recorded_by_id_and_in_order(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    ids = np.arange(300) + 1000
    mask = np.zeros(300, bool)
    mask[:20] = True
    entropy = np.linspace(0, 1, 300)
    with record(net, digits, sample_ids=ids) as recorder:
        recorder.record(0, labelled=mask, picks=[1250, 1030], scores={"entropy": entropy}, strategy="entropy")
        recorder.record(1)  # the same round goes on
        mask[[250, 30]] = True
        recorder.record(2, labelled=mask)
        with pytest.raises(BadInput, match="labelled already: 1001"):
            recorder.record(3, picks=[1001])
        with pytest.raises(BadInput, match="not recorded: 7"):
            recorder.record(3, picks=[7])
        with pytest.raises(BadInput, match=r"labelled has shape \(299,\)"):
            recorder.record(3, labelled=mask[1:])
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1, 2]
        first, last = run.labelling(0), run.labelling(2)
        assert run.labelling(1) is None
        assert first is not None
        assert last is not None
        assert (first.round, last.round) == (0, 1)
        assert np.flatnonzero(first.picked).tolist() == [30, 250]
        assert first.rank[[250, 30]].tolist() == [1, 2]
        assert first.strategy == "entropy"
        np.testing.assert_allclose(first.scores["entropy"], entropy, rtol=1e-6)
        assert last.labelled.sum() == 22


def test_only_multiples_of_every_are_recorded(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    with record(net, digits, every=3, checkpoints=6) as recorder:
        assert [recorder.record(epoch) for epoch in range(8)] == [
            True,
            False,
            False,
            True,
            False,
            False,
            True,
            False,
        ]
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 3, 6]
        assert [record.has_checkpoint for record in run.records] == [True, False, True]


def test_several_recordings_an_epoch_are_numbered_and_carry_their_step(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    samples = (digits[0][:20], digits[1][:20])
    with record(net, samples, optimizer=[optimizer], checkpoints="none") as recorder:
        for epoch in range(3):
            for part in range(7):
                optimizer.step()
                recorder.record(epoch * 7 + part, step=epoch * 700 + part * 100)
            schedule.step()
    with open_run(tmp_path / "run") as run:
        assert run.epochs == list(range(21))
        assert [one.step for one in run.records][6:9] == [600, 700, 800]
        rates = [round(one.learning_rates[0], 6) for one in run.records]
        assert rates == [0.1] * 7 + [0.01] * 7 + [0.001] * 7


def test_an_epoch_recorded_twice_is_refused_and_the_next_free_label_named(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    with record(net, digits) as recorder:
        recorder.record(4)
        with pytest.raises(BadInput, match=r"epoch 4 was recorded already at \d{4}-.*next free label is 5"):
            recorder.record(4)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [4]


def test_trouble_warns_once_per_cause_and_training_goes_on(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    recorder = record(net, digits, on_error="warn")
    assert recorder.record(0)
    with pytest.warns(
        TimetravelWarning, match="epoch 1 was not recorded: loss is a str; expected one number"
    ):
        assert not recorder.record(1, loss="high")
    assert not recorder.record(1, loss="high")  # a second warning would be an error here
    with pytest.warns(TimetravelWarning, match="next free label is 1"):
        assert not recorder.record(0)
    assert recorder.record(1.0)
    recorder.close()
    with pytest.warns(TimetravelWarning, match="is closed"):
        assert not recorder.record(2)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1]


def test_a_model_without_a_head_warns_at_once_and_is_not_recorded(
    record: Make, digits: Digits, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Conv2d(1, 10, 8), nn.Flatten())
    with pytest.warns(
        TimetravelWarning, match=r"nothing can be recorded: the model calls no Linear.*pass layer="
    ):
        recorder = record(model, digits, on_error="warn")
    assert not recorder.record(0)
    recorder.close()
    with pytest.raises(BadInput, match="pass layer="):
        record(model, digits)
    with record(model, digits, layer="1") as recorder:
        assert recorder.record(0)
    with open_run(tmp_path / "run") as run:
        assert run.head(0) is None
        assert run.logits(0).shape == (300, 10)


def test_a_failed_commit_is_told_with_its_own_epoch_and_the_next_one_is_recorded(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from timetravel.store.writer import FactsWriter

    commit = FactsWriter.commit

    def full(self: FactsWriter, facts: Any) -> None:
        if facts.record.epoch == 1:
            raise OSError(28, "No space left on device")
        commit(self, facts)

    monkeypatch.setattr(FactsWriter, "commit", full)
    recorder = record(net, digits, on_error="warn")
    assert recorder.record(0)
    assert recorder.record(1)
    with pytest.warns(TimetravelWarning, match=r"epoch 1 was not recorded.*No space left"):
        assert recorder.record(2)
    recorder.close()
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_ids": [1, 1, *range(2, 300)]}, "sample_ids holds 1 ids more than once: 1;"),
        ({"sample_ids": range(299)}, r"sample_ids is int64 of shape \(299,\); expected \(300,\)"),
        ({"split": "training set"}, "'training set'; expected train, validation, test, pool or other"),
        ({"split": ["train"] * 3}, "split has 3 entries for 300 samples"),
        ({"classes": ["a", "b"]}, "classes has 2 names, the model has 10 outputs"),
        ({"classes": ["a"] * 10}, "classes holds 'a' twice"),
        ({"metadata": {"label": [0] * 300}}, "'label', a name that is taken"),
        ({"metadata": {"size": [0] * 3}}, r"metadata\['size'\] has shape \(3,\)"),
        ({"true_labels": [11] * 300}, "true_labels holds 11 at sample 0"),
        ({"images": np.zeros((300, 8, 8))}, r"images\[0\] is float64 of shape \(8, 8\); expected uint8"),
        ({"images": []}, "images has 0 pictures for 300 samples"),
        ({"activations": ["nothing"]}, "'nothing', which is no module of the model"),
        ({"layer": "nothing"}, "the model has no layer 'nothing'"),
        ({"output": "logits"}, "output='logits' is not in the model's output"),
    ],
)
def test_wrong_arguments_are_named(
    options: dict[str, Any], message: str, record: Make, net: nn.Sequential, digits: Digits
) -> None:
    with pytest.raises(BadInput, match=message):
        record(net, digits, **options)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"factory": "module"}, ValueError),
        ({"factory_arguments": {"width": 3}}, ValueError),
        ({"factory": "m:f", "factory_arguments": {"width": object()}}, ValueError),
        ({"every": 0}, ValueError),
        ({"checkpoints": "some"}, ValueError),
        ({"on_error": "ignore"}, ValueError),
        ({"batch_size": 0}, ValueError),
        ({"optimizer": 0.1}, TypeError),
    ],
)
def test_impossible_arguments_raise_whatever_on_error_says(
    options: dict[str, Any], kind: type[Exception], record: Make, net: nn.Sequential, digits: Digits
) -> None:
    with pytest.raises(kind):
        record(net, digits, **{"on_error": "warn", **options})


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (lambda x, y: (x, y + 5), "labels holds 10 at sample .* expected 0 to 9, or -1"),
        (
            lambda x, y: (x, torch.eye(10)[y]),
            "expected one integer class a sample: this tool is for single-label",
        ),
        (lambda x, y: (x, y.float()), "labels of a batch of 256 are float32"),
        (lambda x, y: (x, y[:5]), "300 inputs and 5 labels"),
        (lambda x, y: (x[:0], y[:0]), "samples is empty"),
        (lambda x, y: 5, "samples is a int; pass a data set"),
        (lambda x, y: [(x[0, 0].numpy().tolist(), "b")], "labels of a batch"),
        (lambda x, y: [("text", object())], r"samples\[0\] is \(str, object\)"),
        (
            lambda x, y: [(x[0], 1), (x[0, :, :4], 1)],
            "differ in shape and cannot be stacked; pass batch_size=1",
        ),
    ],
)
def test_samples_that_cannot_be_used_say_what_came(
    samples: Any, message: str, record: Make, net: nn.Sequential, digits: Digits
) -> None:
    with pytest.raises(BadInput, match=message):
        record(net, samples(*digits))


def test_a_loader_that_picks_samples_anew_is_refused(
    record: Make, net: nn.Sequential, digits: Digits
) -> None:
    data = TensorDataset(*digits)
    sampler = torch.utils.data.WeightedRandomSampler(torch.ones(300), 300)
    with pytest.raises(BadInput, match="a WeightedRandomSampler, which picks samples anew"):
        record(net, DataLoader(data, sampler=sampler))


def test_a_loader_that_makes_no_batches_is_refused(record: Make, net: nn.Sequential, digits: Digits) -> None:
    with pytest.raises(BadInput, match="batch_size=None"):
        record(net, DataLoader(TensorDataset(*digits), batch_size=None))


def test_samples_that_come_as_a_stream_are_read_once(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    class Stream(IterableDataset):  # type: ignore[type-arg]
        reads = 0

        def __iter__(self) -> Any:
            self.reads += 1
            return iter([(x, int(y)) for x, y in zip(*digits, strict=True)])

    stream = Stream()
    with record(net, DataLoader(stream, batch_size=32)) as recorder:
        recorder.record(0)
        recorder.record(1)
    assert stream.reads == 1
    with open_run(tmp_path / "run") as run:
        np.testing.assert_array_equal(run.samples.labels, digits[1])


def test_samples_too_large_to_keep_are_read_again_and_checked_at_every_epoch(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "KEPT_BYTES", 1000)
    items = [(x, int(y)) for x, y in zip(*digits, strict=True)]
    with record(net, items, batch_size=50) as recorder:
        recorder.record(0)
        old = items[5][1]
        items[5] = (items[5][0], (old + 1) % 10)
        recorder.record(1)
    with open_run(tmp_path / "run") as run:
        assert run.inputs([0]) is None
        assert [event.sample_id for event in run.events() if event.kind == "relabelled"] == [5]
        net.eval()
        with torch.no_grad():
            np.testing.assert_allclose(run.logits(1), net(digits[0]), atol=1e-5)


def test_inputs_of_different_sizes_are_recorded_one_by_one(
    record: Make, digits: Digits, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 10))
    items = [(x[:, : 4 + row % 4], int(y)) for row, (x, y) in enumerate(zip(*digits, strict=True))][:40]
    with record(model, items, batch_size=1) as recorder:
        recorder.record(0)
    with open_run(tmp_path / "run") as run:
        stored = run.inputs([2, 3])
        assert stored is not None
        assert [array.shape for array in stored.arrays] == [(1, 6, 8), (1, 7, 8)]


def test_reordered_samples_are_noticed(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    class Shuffling(Dataset):  # type: ignore[type-arg]
        order = np.arange(300)

        def __len__(self) -> int:
            return len(self.order)

        def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
            return digits[0][self.order[row]], int(digits[1][self.order[row]])

    data = Shuffling()
    with record(net, data) as recorder:
        recorder.record(0)
        data.order = np.random.default_rng(0).permutation(300)
        with pytest.raises(
            BadInput, match=r"\d+ of 64 inputs looked at are not what they were.*without shuffling"
        ):
            recorder.record(1)
        data.order = np.arange(200)
        with pytest.raises(BadInput, match=r"samples has 200 entries, it had 300.*sample_ids"):
            recorder.record(1)
        data.order = np.arange(300)
        recorder.record(1)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1]


def test_a_changed_label_becomes_an_event_and_the_first_label_stays(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    labels = digits[1].clone()
    with record(net, (digits[0], labels), sample_ids=np.arange(300) + 50) as recorder:
        recorder.record(0)
        old = int(labels[3])
        labels[3] = (old + 1) % 10
        recorder.record(1)
        recorder.record(2)
    with open_run(tmp_path / "run") as run:
        events = [event for event in run.events() if event.kind == "relabelled"]
        assert [(event.sample_id, event.value) for event in events] == [(53, (old + 1) % 10)]
        assert json.loads(events[0].detail) == {"old": old, "new": (old + 1) % 10}
        assert run.samples.labels[3] == old


def test_representations_that_are_not_finite_are_kept_and_counted(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    inputs = digits[0].clone()
    inputs[:6] = torch.nan
    with record(net, (inputs, digits[1])) as recorder:
        recorder.record(0)
        with torch.no_grad():
            net[6].weight.fill_(torch.inf)
        with pytest.warns(TimetravelWarning, match="the training has diverged"):
            recorder.record(1)
        recorder.record(2)
    with open_run(tmp_path / "run") as run:
        assert run.records[0].nonfinite_count == 6
        assert run.records[1].nonfinite_count > 150
        assert (run.predictions(0).predicted[:6] == -1).all()
        assert not run.predictions(0).correct[:6].any()
        assert "diverged" in {event.kind for event in run.events()}


def test_a_run_goes_on_where_it_stopped(
    record: Make, net: nn.Sequential, digits: Digits, train: Any, tmp_path: Path
) -> None:
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    mask = np.arange(300) < 30
    with record(net, digits) as recorder:
        recorder.record(0)
        recorder.record(1, labelled=mask)
    before = net[6].weight.detach().clone()
    train(net, optimizer, *digits)
    with record(net, digits) as recorder:
        with pytest.raises(BadInput, match=r"epoch 1 was recorded already at \d{4}-.*next free label is 2"):
            recorder.record(1)
        recorder.record(2, picks=[200])
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1, 2]
        assert "resumed" in {event.kind for event in run.events()}
        changes = {one.layer: one for one in run.filter_changes(2)}
        expected = (net[6].weight - before).norm(dim=1) / before.norm(dim=1)
        np.testing.assert_allclose(changes["6"].relative, expected.detach(), rtol=1e-4)
        labelling = run.labelling(2)
        assert labelling is not None
        np.testing.assert_array_equal(labelling.labelled, mask)


def test_a_run_does_not_go_on_with_another_model_or_other_samples(
    record: Make, net: nn.Sequential, digits: Digits
) -> None:
    with record(net, digits, classes=list("abcdefghij")) as recorder:
        recorder.record(0)
    wider = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Linear(32, 10))
    with pytest.raises(BadInput, match=r"width 16, these have 32; record into another folder"):
        record(wider, digits, classes=list("abcdefghij"))
    with pytest.raises(
        BadInput, match=r"its classes are 10 \(a, b, c, d, ...\), these are 10 \(0, 1, 2, 3, ...\)"
    ):
        record(net, digits)
    fewer = (digits[0][:200], digits[1][:200])
    with pytest.raises(BadInput, match=r"it has 300 samples, these are 200 without ids .pass sample_ids"):
        record(net, fewer, classes=list("abcdefghij"))
    with pytest.raises(BadInput, match="none of the sample_ids is among its samples"):
        record(net, digits, classes=list("abcdefghij"), sample_ids=np.arange(300) + 1000)


def test_samples_with_ids_may_come_and_go(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    def part(rows: slice) -> dict[str, Any]:
        return {"samples": (digits[0][rows], digits[1][rows]), "sample_ids": np.arange(300)[rows]}

    with record(net, **part(slice(0, 200))) as recorder:
        recorder.record(0)
    with record(net, **part(slice(100, 300))) as recorder:
        recorder.record(1)
    with open_run(tmp_path / "run") as run:
        assert len(run.samples) == 300
        assert run.present(0).sum() == 200
        np.testing.assert_array_equal(run.present(1), np.arange(300) >= 100)
        assert np.isnan(run.representations(1)[:100].astype(np.float32)).all()
        np.testing.assert_array_equal(run.samples.labels, digits[1])


def test_a_recorder_that_was_dropped_gives_the_run_back(
    net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path / "run", net, samples=digits, quiet=True)
    recorder.record(0)
    recorder._settle()
    del recorder
    gc.collect()
    with Recorder(tmp_path / "run", net, samples=digits, quiet=True, on_error="raise") as again:
        again.record(1)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1]


def test_a_run_that_stopped_before_its_first_commit_is_begun_again(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    record(net, digits).close()
    for path in (tmp_path / "run" / "facts").glob("manifest*.json"):
        path.unlink()
    with record(net, digits) as recorder:
        recorder.record(0)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0]


def test_a_disk_that_cannot_be_written_is_told_and_training_goes_on(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from timetravel.store.writer import FactsWriter

    def refused(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(FactsWriter, "open", refused)
        with pytest.warns(TimetravelWarning, match="nothing can be recorded: PermissionError"):
            recorder = record(net, digits, on_error="warn")
        assert not recorder.record(0)
    assert recorder.record(1), "it is tried again at every epoch"


def test_a_second_recorder_on_a_run_is_refused(record: Make, net: nn.Sequential, digits: Digits) -> None:
    record(net, digits)
    with pytest.raises(RunLocked):
        record(net, digits, on_error="warn")


def test_a_recorder_in_a_forked_child_is_refused(record: Make, net: nn.Sequential, digits: Digits) -> None:
    recorder = record(net, digits)
    recorder._process = os.getpid() + 1  # what a child finds
    with pytest.raises(TimetravelError, match="made in another process"):
        recorder.record(0)
    recorder.close()
    assert not recorder._closed, "a child must leave the parent's lock alone"
    recorder._process = os.getpid()


def test_other_ranks_of_a_distributed_training_record_nothing(
    net: nn.Sequential, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    with Recorder(tmp_path / "run", net, samples=digits) as recorder:
        assert recorder.record(0) is False
    assert not (tmp_path / "run").exists()


def test_the_factory_is_kept_and_never_called(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path
) -> None:
    with record(net, digits, factory="no_such_module:make", factory_arguments={"width": 16}) as recorder:
        recorder.record(0)
    with open_run(tmp_path / "run") as run:
        assert run.description.factory == "no_such_module:make"
        assert run.description.factory_arguments == {"width": 16}


def test_nothing_says_who_recorded_or_where(
    record: Make, net: nn.Sequential, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "HOSTNAME", "CANARY", "HOME"):
        monkeypatch.setenv(name, "canary-in-the-environment")
    monkeypatch.setattr(socket, "gethostname", lambda: "canary-host")
    monkeypatch.setattr(platform, "node", lambda: "canary-node")
    monkeypatch.setattr(sys, "argv", ["canary-command"])
    described = {"loader": object(), "function": os.path.join, "shape": (1, 2), "rate": np.float32(0.5)}
    with record(net, digits, hyperparameters=described) as recorder:
        recorder.record(0)
    everything = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    for secret in (b"canary", str(tmp_path).encode(), str(Path.cwd()).encode(), b" at 0x"):
        assert secret not in everything
    with open_run(tmp_path / "run") as run:
        hyperparameters = run.description.hyperparameters
        assert hyperparameters == {"loader": "object", "function": "join", "shape": [1, 2], "rate": 0.5}
        assert {"python", "torch", "device"} <= run.description.environment.keys()


def test_what_is_recorded_and_what_it_costs_is_said_before_the_first_epoch(
    net: nn.Sequential, digits: Digits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder(tmp_path / "mine", net, samples=digits, checkpoints="none"):
        said = capsys.readouterr().err
    for words in (
        "'mine'",
        "300 (train 300), 10 classes",
        "input of 8: 16 numbers a sample",
        "every epoch  about",
        "once",
    ):
        assert words in said
    assert "checkpoints='all'" in said
    assert "factory='module:function'" in said
    with Recorder(tmp_path / "mine", net, samples=digits, quiet=True) as recorder:
        recorder.record(0)
    assert capsys.readouterr().err == ""
    with Recorder(tmp_path / "mine", net, samples=digits):
        assert "going on after epoch 0" in capsys.readouterr().err


def test_ten_lines_are_enough(digits: Digits, net: nn.Sequential, train: Any, tmp_path: Path) -> None:
    import timetravel

    optimizer = torch.optim.Adam(net.parameters())
    with (
        warnings.catch_warnings(),
        timetravel.Recorder(tmp_path / "run", net, samples=digits, optimizer=optimizer) as recorder,
    ):
        warnings.simplefilter("error")
        for epoch in range(3):
            loss = train(net, optimizer, *digits)
            recorder.record(epoch, train_loss=loss)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1, 2]
        assert run.predictions(2).correct.mean() > run.predictions(0).correct.mean()
