"""A recorded run explained: equal to Captum on the checkpoint, and plain words for what is missing."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from captum import attr
from explained_networks import digits_net
from torch import nn

from timetravel import Recorder
from timetravel.errors import BadInput, MissingPart
from timetravel.explain.attribution import Settings
from timetravel.explain.needs import missing_for_neurons, missing_for_saliency
from timetravel.explain.pipeline import activation_maps, attribute, layers, neurons, similarity_to_untrained
from timetravel.explain.similarity import top_overlap
from timetravel.store.run import StoredRun, open_run

FACTORY = "explained_networks:digits_net"
IDS = [4, 700, 1500]


@pytest.fixture
def run(recorded: Path) -> StoredRun:
    return open_run(recorded)


def network_of(run: StoredRun, epoch: int) -> nn.Module:
    """The network by hand: the checkpoint in a fresh architecture."""
    model = digits_net()
    parameters = run.checkpoint(epoch)
    assert parameters is not None
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in parameters.items()})
    return model.eval()


def inputs_of(run: StoredRun, ids: list[int]) -> torch.Tensor:
    found = run.inputs(ids)
    assert found is not None
    return torch.from_numpy(np.stack([np.asarray(array) for array in found.arrays]))


def test_a_strip_over_epochs_equals_direct_captum_calls_on_the_checkpoints(run: StoredRun) -> None:
    found = attribute(run, IDS, run.epochs, "integrated_gradients", "label", factory=FACTORY)
    assert found.values.shape == (3, 3, 8, 8)
    labels = run.samples.labels[run.rows(IDS)]
    for at, epoch in enumerate(run.epochs):
        expected, error = attr.IntegratedGradients(network_of(run, epoch)).attribute(
            inputs_of(run, IDS),
            target=torch.from_numpy(labels.astype(np.int64)),
            n_steps=50,
            return_convergence_delta=True,
        )
        np.testing.assert_allclose(
            found.values[at], expected[:, 0].detach().numpy(), rtol=1e-5, atol=1e-5 * found.limit
        )
        assert found.completeness is not None
        np.testing.assert_allclose(found.completeness[at], error.abs().detach().numpy(), atol=1e-5)
        assert found.targets[at].tolist() == labels.tolist()
    assert found.limit == pytest.approx(np.percentile(np.abs(found.values), 98))
    assert found.notes == ()


def test_the_target_is_the_prediction_of_each_epoch_unless_said_otherwise(run: StoredRun) -> None:
    predicted = [run.predictions(epoch).predicted[run.rows(IDS)].tolist() for epoch in run.epochs]
    assert attribute(run, IDS, run.epochs, factory=FACTORY).targets.tolist() == predicted
    assert attribute(run, IDS, 3, target=7, factory=FACTORY).targets.tolist() == [[7, 7, 7]]
    by_name = attribute(run, IDS, 3, target="7", factory=FACTORY)
    assert np.array_equal(by_name.values, attribute(run, IDS, 3, target=7, factory=FACTORY).values)


def test_one_checkpoint_twice_looks_at_the_same_places(run: StoredRun) -> None:
    one = attribute(run, IDS, 2, "grad_cam", factory=FACTORY)
    other = attribute(run, IDS, 2, "grad_cam", factory=FACTORY)
    assert not (one.values - other.values).any()
    assert top_overlap(one.values, other.values) == 1.0


def test_the_same_question_is_answered_from_memory(run: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(draws=3)
    first = attribute(run, IDS, [1, 2], "smoothgrad", factory=FACTORY, settings=settings)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("timetravel.explain.pipeline.explain_inputs", never)
    again = attribute(run, IDS, [1, 2], "smoothgrad", factory=FACTORY, settings=settings)
    assert np.array_equal(first.values, again.values)
    with pytest.raises(AssertionError, match="computed again"):
        attribute(run, IDS, [1, 2], "smoothgrad", factory=FACTORY, settings=Settings(draws=4))


def test_progress_is_told_an_epoch_at_a_time(run: StoredRun) -> None:
    told: list[tuple[str, int, int]] = []
    attribute(run, IDS, [1, 3], factory=FACTORY, report=lambda *step: told.append(step))
    assert told == [("attribution", 0, 2), ("attribution", 1, 2), ("attribution", 2, 2)]


def test_what_a_run_names_as_its_factory_is_never_run_for_that(run: StoredRun) -> None:
    assert run.description.factory == "explained_networks:must_not_run"
    with pytest.raises(MissingPart, match=r"Pass --factory explained_networks:must_not_run"):
        attribute(run, IDS, 1)
    with pytest.raises(MissingPart, match="it is not run unless you say so"):
        neurons(run, IDS, 1, layer="0")
    assert neurons(run, IDS, 1).contributions.shape == (3, 16)


def test_a_factory_that_does_not_fit_is_told_by_its_keys(run: StoredRun) -> None:
    with pytest.raises(BadInput, match=r"shapes that differ: 4\.weight"):
        attribute(run, IDS, 1, factory=FACTORY, factory_arguments={"width": 3})


def test_a_factory_with_the_right_keys_but_another_network_gets_a_note(
    run: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    import explained_networks

    def other(width: int = 16) -> nn.Module:
        model = digits_net(width)
        model[1] = nn.Tanh()
        return model

    monkeypatch.setattr(explained_networks, "other", other, raising=False)
    found = attribute(run, IDS, 1, factory="explained_networks:other")
    assert any("is this the factory that the run was trained with?" in note for note in found.notes)


def test_units_of_the_representation_add_up_to_the_recorded_logit(run: StoredRun) -> None:
    found = neurons(run, IDS, 3, "label")
    logits, head = run.logits(3), run.head(3)
    assert logits is not None
    assert head is not None
    rows = run.rows(IDS)
    np.testing.assert_allclose(
        found.logits, logits[rows, found.targets], atol=2e-3
    )  # float16 representations
    np.testing.assert_allclose(found.rest, head.bias[found.targets], atol=1e-5)
    members = run.samples.labels == found.targets[0]
    expected = np.asarray(run.representations(3), np.float64)[members].mean(0)
    np.testing.assert_allclose(found.class_mean[0], expected, rtol=1e-4, atol=1e-5)


def test_units_of_any_layer_come_with_the_class_mean_recorded_or_computed(run: StoredRun) -> None:
    recorded_layer = neurons(run, IDS, 3, "label", layer="0", factory=FACTORY)
    computed_layer = neurons(run, IDS, 3, "label", layer="4", factory=FACTORY)
    assert recorded_layer.contributions.shape == recorded_layer.class_mean.shape == (3, 4)
    assert recorded_layer.maps is not None
    assert recorded_layer.maps.shape == (3, 4, 8, 8)
    model = network_of(run, 3)
    label = int(computed_layer.targets[0])
    members = run.samples.ids[run.samples.labels == label]
    with torch.no_grad():
        all_of_class = model[0](inputs_of(run, members)).mean((2, 3)).mean(0).numpy()
        first_ones = nn.Sequential(*model[:5])(inputs_of(run, members[:64])).mean(0).numpy()
    np.testing.assert_allclose(recorded_layer.class_mean[0], all_of_class, atol=2e-3)  # float16 means
    np.testing.assert_allclose(computed_layer.class_mean[0], first_ones, atol=1e-5)


def test_activation_maps_of_a_layer_are_those_of_the_checkpoint(run: StoredRun) -> None:
    found = activation_maps(run, IDS, 2, "0", factory=FACTORY)
    expected = network_of(run, 2)[0](inputs_of(run, IDS)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_layers_that_can_be_explained_come_in_execution_order(run: StoredRun) -> None:
    found = layers(run, 1, factory=FACTORY)
    assert [layer.name for layer in found] == [str(number) for number in range(7)]
    assert [layer.units for layer in found] == [4, 4, 4, 64, 16, 16, 10]
    assert [layer.name for layer in found if layer.is_convolution] == ["0"]


def test_a_trained_network_s_gradient_is_unlike_an_untrained_one_s(run: StoredRun) -> None:
    ids = run.samples.ids[:60]
    found = similarity_to_untrained(run, ids, 3, factory=FACTORY)
    assert np.mean([value for value in found if value is not None]) < 0.5


def record(path: Path, model: nn.Module, **arguments: object) -> StoredRun:
    """One epoch of an untrained network on 12 random images."""
    draw = torch.Generator().manual_seed(0)
    samples = (torch.rand(12, 1, 8, 8, generator=draw), torch.arange(12) % 10)
    with Recorder(path, model, samples=samples, quiet=True, on_error="raise", **arguments) as recorder:
        recorder.record(0)
    return open_run(path)


def test_without_checkpoints_the_sentence_says_what_to_record(tmp_path: Path) -> None:
    run = record(tmp_path / "run", digits_net(), checkpoints="none")
    sentence = missing_for_saliency(run, FACTORY)
    assert sentence is not None
    assert 'checkpoints="all"' in sentence
    with pytest.raises(MissingPart, match="has no checkpoints"):
        attribute(run, [0], 0, factory=FACTORY)
    assert missing_for_neurons(run, None) is None


def test_a_network_that_ends_in_a_softmax_is_explained_at_its_logits(tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = digits_net(softmax=True)
    run = record(tmp_path / "run", model)
    found = attribute(run, [3], 0, target=1, factory=FACTORY, factory_arguments={"softmax": True})
    plain = nn.Sequential(*model[:7]).eval()
    expected = attr.Saliency(plain).attribute(inputs_of(run, [3]).requires_grad_(), target=1)
    np.testing.assert_allclose(found.values[0], expected[:, 0].numpy(), rtol=1e-5, atol=1e-7)
    assert found.notes == ()


def test_a_sample_that_was_absent_or_unlabelled_has_no_map_and_a_note(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    model = digits_net()
    inputs, labels = torch.rand(6, 1, 8, 8, generator=draw), torch.arange(6)
    path = tmp_path / "run"
    for epoch, count in ((0, 4), (1, 6)):
        with Recorder(
            path,
            model,
            samples=(inputs[:count], labels[:count]),
            sample_ids=np.arange(count),
            quiet=True,
            on_error="raise",
        ) as recorder:
            recorder.record(epoch)
    run = open_run(path)
    found = attribute(run, [5, 1], [0, 1], factory=FACTORY)
    assert np.isnan(found.values[0, 0]).all()
    assert np.isfinite(found.values[0, 1]).all()
    assert np.isfinite(found.values[1]).all()
    assert found.targets[0, 0] == -1
    assert found.notes == ("no target, the sample is absent or has no such class: sample 5 at epoch 0",)
    nowhere = attribute(run, [5], [0], factory=FACTORY)
    assert np.isnan(nowhere.values).all()
    assert nowhere.limit == 0
    with pytest.raises(BadInput, match="sample 5 has no predicted class at epoch 0"):
        neurons(run, [5], 0)


def test_a_map_of_zeros_says_no_attribution(tmp_path: Path) -> None:
    model = digits_net()
    with torch.no_grad():
        model[6].weight[2] = 0
    run = record(tmp_path / "run", model)
    found = attribute(run, [0, 1], 0, "input_x_gradient", 2, factory=FACTORY)
    assert not found.values.any()
    assert found.limit == 0
    assert found.notes == ("no attribution, every value is 0: sample 0 at epoch 0, sample 1 at epoch 0",)


def test_a_network_that_broke_gives_a_note_instead_of_a_picture(tmp_path: Path) -> None:
    model = digits_net()
    with torch.no_grad():
        model[6].weight.fill_(float("nan"))
    run = record(tmp_path / "run", model)
    with pytest.raises(BadInput, match="has no predicted class"):
        neurons(run, [0], 0)
    assert "no target" in attribute(run, [0], 0, factory=FACTORY).notes[0]
    assert "not finite" in attribute(run, [0], 0, target=1, factory=FACTORY).notes[0]


def test_errors_name_what_can_be_asked_for(run: StoredRun) -> None:
    with pytest.raises(BadInput, match="target 'truck' is no class of the run"):
        attribute(run, IDS, 1, target="truck", factory=FACTORY)
    with pytest.raises(BadInput, match="target 10 is no class; expected 0 to 9"):
        attribute(run, IDS, 1, target=10, factory=FACTORY)
    with pytest.raises(BadInput, match="no samples were given"):
        attribute(run, [], 1, factory=FACTORY)


def test_what_is_missing_is_known_without_loading_torch(recorded: Path) -> None:
    code = (
        "import sys\n"
        "from timetravel.explain.needs import missing_for_saliency\n"
        "from timetravel.explain.methods import METHODS\n"
        "from timetravel.store.run import open_run\n"
        f"print(missing_for_saliency(open_run({str(recorded)!r}), None))\n"
        "print(sorted({'torch', 'captum'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    sentence, loaded = done.stdout.strip().splitlines()
    assert sentence.endswith("(in Python factory='explained_networks:must_not_run').")
    assert loaded == "[]"


def test_the_time_taken_is_told(run: StoredRun) -> None:
    started = time.perf_counter()
    found = attribute(run, [11], [1], "occlusion", factory=FACTORY)
    assert 0 < found.seconds[0] <= time.perf_counter() - started
