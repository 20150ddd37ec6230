"""The log of a test, written by one process."""

from mmdet.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner


@HOOKS.register_module()
class MasterLoggerHook(LoggerHook):
    """mmengine's ``LoggerHook``; only the first process writes a test's json.

    In mmengine all processes write the same file at once and mix their lines.
    It takes the same arguments.
    """

    @master_only
    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Log the results.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): The results.
        """
        super().after_test_epoch(runner, metrics)
