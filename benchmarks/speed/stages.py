"""What each stage of a detector costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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


class StageMeter:
    """Shares out among stages what a call costs.

    A stage within another one interrupts it, so that nothing counts twice:
    maps that a head asks a neck for are the neck's.  Survivors and cells with
    boxes belong to post-processing in dense inference, and to the head where
    it looks for them itself.

    Args:
        reading (Callable): Returns what has been spent so far: a clock, or a
            counter.
    """

    def __init__(self, reading: Callable[[], float]) -> None:
        self.reading = reading
        self._open: list[str] = []
        self._spent: dict[str, float] = {}
        self._last = 0.0

    def __call__(
        self, model: nn.Module, function: Callable[[], object]
    ) -> dict[str, float]:
        """Measure a call.

        Args:
            model (nn.Module): Detector; as before when the call has ended.
            function (Callable): What to call, which runs the model.

        Returns:
            dict[str, float]: What each of :data:`STAGES` cost.
        """
        self._spent = dict.fromkeys(STAGES, 0)
        with ExitStack() as patches:
            for name, module in model.named_modules():
                stages = _STAGES.get(name.rsplit('.')[-1], {})
                for method, stage in stages.items():
                    if hasattr(module, method):
                        patches.enter_context(
                            self._patch(module, method, stage)
                        )
                if getattr(module, 'execution', None) is not None:
                    patches.enter_context(
                        self._patch(module.execution, 'pyramid', 'neck')
                    )
            self._last = self.reading()
            with self._stage('other'):
                function()
        return self._spent

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self._book()
        self._open.append(name)
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    def _book(self) -> None:
        now = self.reading()
        if self._open:
            self._spent[self._open[-1]] += now - self._last
        self._last = now

    def _patch(self, owner: object, name: str, stage: str):
        method = self._metered(getattr(owner, name), stage)
        if name == 'pyramid':  # whose methods do the work, when asked
            method = self._with_methods(method, stage)
        return mock.patch.object(owner, name, method)

    def _metered(self, method: Callable, stage: str) -> Callable:
        @wraps(method)
        def metered(*args, **kwargs):
            with self._stage(stage):
                return method(*args, **kwargs)

        return metered

    def _with_methods(self, method: Callable, stage: str) -> Callable:
        def make(*args, **kwargs):
            made = method(*args, **kwargs)
            for name in ('first', 'maps', 'rows'):
                if hasattr(made, name):  # else all maps are there already
                    own = self._metered(getattr(made, name), stage)
                    setattr(made, name, own)
            return made

        return make


def multiply_adds(
    model: nn.Module, function: Callable[[], object]
) -> dict[str, int]:
    """Count the multiply-adds of convolutions and matrix products.

    They are counted where they are executed, on maps and on rows, so that all
    variants are counted alike, and as ``get_flops.py`` does.

    Args:
        model (nn.Module): Detector.
        function (Callable): What to call, which runs the model.

    Returns:
        dict[str, int]: Of each of :data:`STAGES`.
    """
    with operations_counter() as counter:
        # It counts a multiplication and its addition as two.
        meter = StageMeter(lambda: counter.get_total_flops() // 2)
        return meter(model, function)
