"""How images were tested, beside the numbers that come of it."""

from collections.abc import Sequence

from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement


@HOOKS.register_module()
class ProtocolHook(Hook):
    """Puts the protocol of a test into its log line and its json.

    Whatever the metric, the line that gives the results, and the json that a
    test leaves in the folder of its log, then say ``protocol``: what the
    samples have as ``protocol``, as ``ProtocolResize`` and
    ``BBoxVotingTTAModel`` put it there, or ``unnamed``.  Images with a
    ``protocol_deviation`` are counted.
    """

    priority = 'NORMAL'  # before the logger

    def before_val_epoch(self, runner: Runner) -> None:
        """Begin to count.

        Args:
            runner (Runner): The runner.
        """
        self._protocols: set[str] = set()
        self._deviating = self._images = 0

    before_test_epoch = before_val_epoch

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Look at the samples of a batch.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Number of the batch.
            data_batch (dict, optional): The batch.
            outputs (Sequence[BaseDataElement], optional): Its samples.
        """
        for sample in outputs or ():
            self._images += 1
            self._protocols.add(sample.get('protocol', 'unnamed'))
            self._deviating += 'protocol_deviation' in sample

    after_test_iter = after_val_iter

    def after_test_restore(
        self, runner: Runner, outputs: Sequence[BaseDataElement]
    ) -> None:
        """Look at samples that an interrupted test left.

        Args:
            runner (Runner): The runner.
            outputs (Sequence[BaseDataElement]): The samples.
        """
        self.after_val_iter(runner, 0, outputs=outputs)

    def after_val_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Publish the protocol of a validation.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): The results.
        """
        self._publish(runner, 'val')

    def after_test_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Publish the protocol of a test.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): The results.
        """
        self._publish(runner, 'test')

    def _publish(self, runner: Runner, mode: str) -> None:
        ranks = all_gather_object(
            (self._protocols, self._deviating, self._images)
        )
        protocols, deviating, images = zip(*ranks)
        text = ' and '.join(sorted(set().union(*protocols)))
        if any(deviating):
            text += (
                f'; other than that in {sum(deviating)} of {sum(images)} '
                'images, for want of memory'
            )
        runner.message_hub.update_info(f'{mode}/protocol', text)
