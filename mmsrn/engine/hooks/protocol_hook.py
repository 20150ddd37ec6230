"""How images were tested, beside the numbers that come of it."""

from collections.abc import Sequence

from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmengine.structures import BaseDataElement

from mmsrn.utils.protocol import UNNAMED, describe_protocol


@HOOKS.register_module()
class ProtocolHook(Hook):
    """Puts the protocol of a test beside its numbers, whatever the metric.

    That is what the samples have as ``protocol``, as ``ProtocolResize`` and
    ``BBoxVotingTTAModel`` put it there, or ``unnamed``; images with a
    ``protocol_deviation`` are counted, and so are images that a batch of
    several pads to their size.  It is ``protocol`` in the line of the
    log that gives the results, in the json of a test, and in the results that
    ``runner.val()`` and ``runner.test()`` return.  In ``scalars.json``, where
    mmengine puts the numbers of a validation and nothing but numbers, it is a
    line of its own before them, ``{"val/protocol": ..., "step": ...}``.
    """

    priority = 'NORMAL'  # before the logger

    def before_val_epoch(self, runner: Runner) -> None:
        """Begin to count.

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
        text = self._publish(runner, 'val', metrics)
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
        self._publish(runner, 'test', metrics)

    def _publish(self, runner: Runner, mode: str, metrics: dict | None) -> str:
        ranks = all_gather_object(
            (self._protocols, self._deviating, self._images, self._padded)
        )
        protocols, *numbers = zip(*ranks)
        text = describe_protocol(set().union(*protocols), *map(sum, numbers))
        runner.message_hub.update_info(f'{mode}/protocol', text)
        if metrics:  # else there is no number to stand beside
            metrics['protocol'] = text
        return text
