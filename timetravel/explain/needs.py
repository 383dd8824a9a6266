"""What an explanation lacks, in one sentence that says what to pass. Loads neither torch nor captum."""

from __future__ import annotations

from timetravel.store.run import StoredRun


def missing_for_saliency(run: StoredRun, factory: str | None) -> str | None:
    """Why inputs of this run cannot be explained, and what would change that; None when they can.

    factory: what the person who looks has passed; the name in the run is shown, never called.
    """
    if not any(record.has_checkpoint for record in run.records):
        return (
            "The run has no checkpoints: without the weights nothing can be explained. "
            'Record with checkpoints="all" and factory="module:function".'
        )
    if factory is None:
        named = run.description.factory
        shown = named or "module:function"
        why = (
            f"The run says that {named} builds its network; it is not run unless you say so."
            if named
            else "The run does not say how its network is built."
        )
        return f"{why} Pass --factory {shown} (in Python factory={shown!r})."
    return _missing_inputs(run)


def missing_for_neurons(run: StoredRun, factory: str | None, layer: str | None = None) -> str | None:
    """The same for neurons: of the representation they need the head alone, of other layers the network."""
    if layer is not None:
        return missing_for_saliency(run, factory)
    if run.epochs and run.head(run.epochs[-1]) is None:
        return (
            "The run has no linear head, so units of its representation have no weights to show. "
            "Choose a layer, with --factory module:function."
        )
    return None


def _missing_inputs(run: StoredRun) -> str | None:
    found = run.inputs(run.samples.ids[:1]) if len(run.samples) else None
    if found is None:
        return (
            "The run keeps no inputs of its samples, so there is nothing to explain them on. "
            "Record with samples= whose inputs are one tensor each and fit into memory."
        )
    if found.layout != "tensor":
        return (
            "The run keeps pictures of its samples, but not what the network was fed. "
            "Record with samples= whose inputs are one tensor each and fit into memory."
        )
    return None
