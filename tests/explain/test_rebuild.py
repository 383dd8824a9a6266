"""A network is rebuilt exactly, or the error says which keys do not fit and what to pass."""

from pathlib import Path

import numpy as np
import pytest
import torch
from explained_networks import digits_net
from torch import nn

from timetravel.errors import BadInput, MissingPart
from timetravel.explain.rebuild import rebuild

FACTORY = "explained_networks:digits_net"


def arrays(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def test_the_rebuilt_network_gives_the_same_outputs_to_the_bit() -> None:
    torch.manual_seed(4)
    model = digits_net(width=9).eval()
    again = rebuild(FACTORY, {"width": 9}, arrays(model))
    x = torch.randn(5, 1, 8, 8)
    assert torch.equal(again(x), model(x))
    assert not again.training


def test_the_random_state_is_as_before() -> None:
    parameters = arrays(digits_net())
    state, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    rebuild(FACTORY, {}, parameters)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002


def test_weights_that_do_not_fit_are_named() -> None:
    parameters = arrays(digits_net())
    with pytest.raises(BadInput, match=r"shapes that differ: 4\.weight \(16, 64\) instead of \(5, 64\)"):
        rebuild(FACTORY, {"width": 5}, parameters)
    lacking = {name: value for name, value in parameters.items() if name != "6.bias"}
    with pytest.raises(BadInput, match=r"keys missing in the checkpoint: 6\.bias; pass the factory"):
        rebuild(FACTORY, {}, lacking)
    with pytest.raises(BadInput, match="extra keys in the checkpoint: 0, 1, 2, 3, 4 and 3 more"):
        rebuild(FACTORY, {}, parameters | {str(number): np.zeros(1) for number in range(8)})


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        ("no_colon", "not of the form module:function"),
        ("explained_networks:", "not of the form module:function"),
        ("no_such_module:make", "cannot be imported"),
        ("explained_networks:nothing", "has no nothing"),
        ("explained_networks:TINY_INPUT", "is a ndarray, no function"),
    ],
)
def test_a_factory_that_cannot_be_found_says_what_to_pass(factory: str, expected: str) -> None:
    with pytest.raises(MissingPart, match=expected):
        rebuild(factory, {}, {})


def test_a_factory_that_fails_or_gives_no_network_is_named() -> None:
    with pytest.raises(BadInput, match=r"called with \{'size': 3\} raised TypeError"):
        rebuild(FACTORY, {"size": 3}, {})
    with pytest.raises(BadInput, match="gave a ndarray"):
        rebuild("explained_networks:images", {}, {})


def test_a_module_in_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_training_script.py").write_text(
        "from torch import nn\ndef make(): return nn.Linear(2, 2, bias=False)\n"
    )
    monkeypatch.chdir(tmp_path)
    model = rebuild("my_training_script:make", {}, {"weight": np.eye(2, dtype=np.float32)})
    assert torch.equal(model(torch.ones(1, 2)), torch.ones(1, 2))


class Tied(nn.Module):
    """Two names for one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight


def test_a_shared_tensor_may_be_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import explained_networks

    monkeypatch.setattr(explained_networks, "tied", Tied, raising=False)
    weight = np.arange(9, dtype=np.float32).reshape(3, 3)
    model = rebuild("explained_networks:tied", {}, {"first.weight": weight})
    assert np.array_equal(model.second.weight.detach().numpy(), weight)


def test_arrays_of_a_read_only_file_can_be_loaded() -> None:
    parameters = arrays(digits_net())
    for value in parameters.values():
        value.setflags(write=False)
    assert isinstance(rebuild(FACTORY, {}, parameters), nn.Module)


def test_frozen_layers_still_carry_gradients_to_what_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    import explained_networks

    monkeypatch.setattr(
        explained_networks, "frozen", lambda: digits_net().requires_grad_(False), raising=False
    )
    model = rebuild("explained_networks:frozen", {}, arrays(digits_net()))
    assert all(parameter.requires_grad for parameter in model.parameters())
