"""What each stage of a detector costs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from unittest import mock

from torch import nn

from mmsrn.models.utils.model_cost import operations_counter

#: Methods by the name of the module, and their stages.
_STAGES = {
    'backbone': {'forward': 'backbone'},
    'neck': {'forward': 'neck'},
    'bbox_head': {'predict': 'head', 'predict_by_feat': 'post-processing'},
    'rpn_head': {'predict': 'head', 'predict_by_feat': 'post-processing'},
    'roi_head': {'predict': 'head'},
}
STAGES = ('backbone', 'neck', 'head', 'post-processing', 'other')


def by_stage(
    model: nn.Module,
    function: Callable[[], object],
    reading: Callable[[], float],
) -> dict[str, float]:
    """Share out among stages what a call costs.

    A stage within another one interrupts it, so that nothing counts twice:
    maps that a head asks a neck for are the neck's.  Survivors and cells with
    boxes belong to post-processing in dense inference, and to the head where
    it looks for them itself.

    Args:
        model (nn.Module): Detector; as before when the call has ended.
        function (Callable): What to call, which runs the model.
        reading (Callable): Returns what has been spent so far: a clock, or a
            counter.

    Returns:
        dict[str, float]: What each of :data:`STAGES` cost.
    """
    spent = dict.fromkeys(STAGES, 0)
    running, last = ['other'], 0.0

    def book() -> None:
        nonlocal last
        now = reading()
        spent[running[-1]] += now - last
        last = now

    def metered(method: Callable, stage: str) -> Callable:
        @wraps(method)
        def call(*args, **kwargs):
            book()
            running.append(stage)
            try:
                return method(*args, **kwargs)
            finally:
                book()
                running.pop()

        return call

    def metered_maker(method: Callable) -> Callable:
        """A pyramid, whose methods do the work when they are asked."""

        def make(*args, **kwargs):
            made = metered(method, 'neck')(*args, **kwargs)
            for name in ('first', 'maps', 'rows'):
                if hasattr(made, name):  # else all maps are there already
                    setattr(made, name, metered(getattr(made, name), 'neck'))
            return made

        return make

    with ExitStack() as patches:

        def patch(owner: object, name: str, method: Callable) -> None:
            patches.enter_context(mock.patch.object(owner, name, method))

        for name, module in model.named_modules():
            stages = _STAGES.get(name.rsplit('.')[-1], {})
            for method, stage in stages.items():
                if hasattr(module, method):
                    own = getattr(module, method)
                    patch(module, method, metered(own, stage))
            execution = getattr(module, 'execution', None)
            if execution is not None:
                patch(execution, 'pyramid', metered_maker(execution.pyramid))
        last = reading()
        function()
        book()
    return spent


def multiply_adds(
    model: nn.Module, function: Callable[[], object]
) -> dict[str, int]:
    """Count the multiply-adds of convolutions and matrix products by stage.

    They are counted where they are executed, on maps and on rows, so that all
    variants are counted alike, and as ``get_flops.py`` does.
    """
    with operations_counter() as counter:
        # It counts a multiplication and its addition as two.
        return by_stage(
            model, function, lambda: counter.get_total_flops() // 2
        )
