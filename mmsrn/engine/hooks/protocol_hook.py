"""Write the test protocol beside the numbers."""

from collections.abc import Sequence

from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmengine.structures import BaseDataElement

from mmsrn.utils.protocol import UNNAMED, describe_protocol


@HOOKS.register_module()
class ProtocolHook(Hook):
    """Write the protocol of a test beside its numbers, for any metric.

    The protocol is ``protocol`` of the samples, which ``ProtocolResize`` and
    ``BBoxVotingTTAModel`` set, or ``unnamed``.  Images with a
    ``protocol_deviation``, and images that a larger batch pads, are counted.
    The hook writes it as ``protocol`` into the log line of the results and the
    json of a test, as ``val/protocol`` or ``test/protocol`` into
    ``runner.message_hub``, and as a line of its own, ``{"val/protocol": ...,
    "step": ...}``, into ``scalars.json``.
    """

    priority = 'NORMAL'  # before the logger

    def before_val_epoch(self, runner: Runner) -> None:
        """Start counting.

        Args:
            runner (Runner): The runner.
        """
        self._protocols: set[str] = set()
        self._deviating = self._images = self._padded = 0

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
            self._protocols.add(sample.get('protocol', UNNAMED))
            self._deviating += 'protocol_deviation' in sample
        # Alone, each would have the size of its own.
        shapes = [x.get('img_shape', (0, 0))[:2] for x in outputs or ()]
        self._padded += sum(x != tuple(map(max, zip(*shapes))) for x in shapes)

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
        text = self._publish(runner, 'val')
        local = runner.visualizer.get_backend('LocalVisBackend')
        if local is None or not is_main_process():  # others want numbers
            return
        # As the logger does; the public name would build the loop.
        loop, step = runner._train_loop, 0
        if isinstance(loop, BaseLoop):
            step = loop.epoch if runner.log_processor.by_epoch else loop.iter
        local.add_scalars(
            {'val/protocol': text},
            step=step,
            file_path=f'{runner.timestamp}.json',
        )

    def after_test_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Publish the protocol of a test.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): The results.
        """
        self._publish(runner, 'test')

    def _publish(self, runner: Runner, mode: str) -> str:
        ranks = all_gather_object(
            (self._protocols, self._deviating, self._images, self._padded)
        )
        protocols, *numbers = zip(*ranks)
        text = describe_protocol(set().union(*protocols), *map(sum, numbers))
        runner.message_hub.update_info(f'{mode}/protocol', text)
        return text
