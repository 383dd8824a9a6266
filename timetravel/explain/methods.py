"""The attribution methods: what each is called, what it needs, and what a panel may say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from timetravel.errors import BadInput


@dataclass(frozen=True, slots=True)
class Method:
    """One attribution method.

    signed: values below zero speak against the target; unsigned values say only how much.
    needs_convolution: works on the maps of a convolution. changes_relu: needs each ReLU as a module.
    has_completeness: its values should add up to a difference of outputs. passes: network passes a sample
    at the default settings, for budgets.
    """

    name: str
    title: str
    text: str
    signed: bool = True
    needs_convolution: bool = False
    changes_relu: bool = False
    has_completeness: bool = False
    passes: int = 1


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "saliency",
            "Gradient",
            "How strongly the logit reacts to each pixel; the size alone.",
            signed=False,
        ),
        Method(
            "smoothgrad",
            "SmoothGrad",
            "The gradient, averaged over noisy copies of the input; the size alone.",
            signed=False,
            passes=20,
        ),
        Method(
            "input_x_gradient",
            "Input x gradient",
            "What each pixel adds to the logit, as far as the network is linear around the input.",
        ),
        Method(
            "integrated_gradients",
            "Integrated gradients",
            "What each pixel adds to the logit on the way from a baseline to the input.",
            has_completeness=True,
            passes=50,
        ),
        Method(
            "deep_lift",
            "DeepLIFT",
            "What each pixel adds to the logit compared with a baseline, by differences instead of gradients.",
            changes_relu=True,
            has_completeness=True,
            passes=2,
        ),
        Method(
            "guided_backprop",
            "Guided backpropagation",
            "The gradient that flows through positive paths only: sharp, but nearly the same for every class.",
            changes_relu=True,
        ),
        Method(
            "deconvolution",
            "Deconvolution",
            "The positive part of the signal carried back to the input, whatever the units did.",
            changes_relu=True,
        ),
        Method(
            "grad_cam",
            "Grad-CAM",
            "Where the last convolution found what speaks for the class; coarse, drawn smoothly.",
            signed=False,
            needs_convolution=True,
        ),
        Method(
            "cam",
            "CAM",
            "What each place adds to the logit, for networks that end in average pooling and a linear layer.",
        ),
        Method(
            "guided_grad_cam",
            "Guided Grad-CAM",
            "Guided backpropagation, kept where Grad-CAM is high.",
            needs_convolution=True,
            changes_relu=True,
            passes=2,
        ),
        Method(
            "occlusion",
            "Occlusion",
            "How much the logit falls when a patch of the image is covered.",
            passes=100,
        ),
    )
}


def method_named(name: str) -> Method:
    """The method; BadInput lists all when there is none of that name."""
    if name not in METHODS:
        raise BadInput(f"there is no attribution method {name!r}; expected one of {', '.join(METHODS)}")
    return METHODS[name]
