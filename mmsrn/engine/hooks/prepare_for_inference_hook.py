"""Test a faster copy of the model."""

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmsrn.models import prepare_for_inference


@HOOKS.register_module()
class PrepareForInferenceHook(Hook):
    """Test the copy of the model that ``prepare_for_inference`` makes.

    After the test the runner has its own model again.  ``tools/test.py
    --fast`` adds this hook.

    Args:
        inference (str): See
            ``mmsrn.models.prepare_for_inference``.

    Example:
        >>> custom_hooks = [dict(type='PrepareForInferenceHook')]
    """

    priority = 'VERY_LOW'  # after hooks that exchange weights, as EMAHook

    def __init__(self, inference: str = 'auto') -> None:
        self.inference = inference

    def before_test_epoch(self, runner: Runner) -> None:
        """Put the copy in the place of the model.

        Args:
            runner (Runner): The runner.
        """
        if is_model_wrapper(runner.model):
            self._model = runner.model.module
            runner.model.module = self._copy()
        else:
            self._model = runner.model
            runner.model = self._copy()

    def _copy(self):
        return prepare_for_inference(self._model, self.inference)

    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Put the model back.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): The results.
        """
        if is_model_wrapper(runner.model):
            runner.model.module = self._model
        else:
            runner.model = self._model
