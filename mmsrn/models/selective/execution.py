"""How a head computes less than whole maps, with the same results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import TASK_UTILS
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor

from ..utils import reject_unknown
from .loss import selective_loss
from .predict import selective_forward
from .pyramid import SRNPyramid
from .sparse import BuiltPyramid, Pyramid, RowsOrMaps, check_mode

if TYPE_CHECKING:
    from ..dense_heads import SRNHead
    from ..necks import SRNFPN

Maps = Sequence[Tensor | None] | Pyramid
INFERENCE = 'SelectiveExecution: inference={}'
TRAINING = 'SelectiveExecution: training={}'
# Share of the work on maps from which on rows take as long, on a CPU:
# docs/performance.md.  In training less, since gradients are gathered too.
CROSSOVER = dict(inference=0.7, training=0.5)
# How the first step may be coarse, and more than its logits then err by:
# docs/selective_inference.md
BANDS = {'bfloat16': 0.25, 'float16': 0.25, 'float32': 0.01}
DTYPE = 'bfloat16'


@TASK_UTILS.register_module()
class SelectiveExecution:
    """Computes the second step of an :class:`SRNHead` where it is needed.

    At test time, that is where a detection is still possible; in training,
    where a loss reads the second step.  Detections, losses and
    gradients are those of whole maps.  docs/selective_inference.md explains
    how.

    Args:
        inference (str): ``'dense'`` computes whole maps; ``'selective'`` the
            second step of the levels of STC, and boxes, only where that may
            find something; ``'auto'`` does so on each level where it is
            faster.
        training (str): ``'dense'``, ``'selective'`` or ``'auto'``: the same
            for the losses.
        crossover (dict, optional): ``inference`` (0.7) and ``training``
            (0.5): shares of the multiply-adds of whole maps above which
            ``'auto'`` computes these.
        coarse (dict | False, optional): Runs the first step coarsely at test
            time, and exactly in the cells where the coarse logit lies within
            ``band`` (0.25; 0.01 with ``'float32'``) of STC's threshold.
            ``dtype`` is ``'bfloat16'`` (the default), ``'float16'``, or
            ``'float32'`` for Winograd's convolutions. Not with ``'dense'``.
            ``None``, the default: ``prepare_for_inference`` decides;
            ``False``: never.

    Raises:
        ValueError: If a setting is unknown.
    """

    def __init__(
        self,
        inference: str = 'auto',
        training: str = 'auto',
        crossover: dict | None = None,
        coarse: dict | bool | None = None,
    ) -> None:
        check_mode(inference, INFERENCE)
        check_mode(training, TRAINING)
        crossover = crossover or {}
        reject_unknown(
            crossover, tuple(CROSSOVER), "SelectiveExecution's crossover"
        )
        if isinstance(coarse, dict):
            _check_coarse(coarse)
        self.inference = inference
        self.training = training
        self.crossover = {**CROSSOVER, **crossover}
        self.coarse = coarse

    def replace(self, **settings) -> SelectiveExecution:
        """Copy with other settings.

        Args:
            **settings: Arguments of the class.

        Returns:
            SelectiveExecution: The copy.
        """
        return type(self)(**{**vars(self), **settings})

    @property
    def coarse_dtype(self) -> str | None:
        """Data type of a coarse first step; ``None``: it is not coarse."""
        if not isinstance(self.coarse, dict):
            return None
        return self.coarse.get('dtype', DTYPE)

    @property
    def coarse_band(self) -> float:
        """Largest error that a coarse first-step logit may have."""
        dtype = self.coarse_dtype or DTYPE
        return (self.coarse or {}).get('band', BANDS[dtype])

    @property
    def predicts(self) -> bool:
        """Whether this object computes predictions; else the head does."""
        return self.inference != 'dense'

    def trains(self, head: SRNHead) -> bool:
        """Whether this object computes the losses; else the head does.

        It does not where all layers need whole maps, nor in
        ``loss_and_predict`` of
        two-stage detectors, whose proposals may come from any cell.

        Args:
            head (SRNHead): The head.

        Returns:
            bool: Whether ``head.loss`` takes a :class:`Pyramid`.

        Raises:
            ValueError: If a layer does not run on rows, and ``training`` is
                ``'selective'``.
        """
        if self.training == 'dense':
            return False
        choice = self._choice('training', TRAINING)
        # Else as ever: norms that are in training depend on the order in which
        # forward() goes through the levels.
        fit = [
            choice.allows(x) for x in (head.cls_layers(), head.reg_layers())
        ]
        return any(fit)

    def pyramid(self, neck: SRNFPN, feats: Sequence[Tensor]) -> Pyramid:
        """Wrap a neck so that its maps are built on demand.

        Args:
            neck (SRNFPN): The neck.
            feats (Sequence[Tensor]): Maps of the backbone.

        Returns:
            Pyramid: What :meth:`loss` and :meth:`predict` take.
        """
        return SRNPyramid(neck, feats)

    def loss(
        self, head: SRNHead, x: Maps, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            head (SRNHead): The head.
            x (tuple[Tensor | None] | Pyramid): Maps, as of ``SRNHead.loss``.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: See ``SRNHead.loss_by_feat``.
        """
        gts, ignored, metas = unpack_gt_instances(batch_data_samples)
        choice = self._choice('training', TRAINING)
        maps = _as_pyramid(head, x)
        return selective_loss(head, choice, maps, gts, metas, ignored)

    def predict(
        self,
        head: SRNHead,
        x: Maps,
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> InstanceList:
        """Find boxes in the maps of a batch.

        Args:
            head (SRNHead): The head.
            x (tuple[Tensor | None] | Pyramid): Maps, as of
                ``SRNHead.predict``.
            batch_data_samples (list[DetDataSample]): Of its images.
            rescale (bool): See ``SRNHead.predict_by_feat``.

        Returns:
            list[InstanceData]: See ``SRNHead.predict_by_feat``.
        """
        maps = selective_forward(
            head,
            _as_pyramid(head, x),
            self._choice('inference', INFERENCE),
            self.coarse_dtype,
            self.coarse_band,
        )
        return head.predict_by_feat(
            *maps,
            batch_img_metas=[i.metainfo for i in batch_data_samples],
            rescale=rescale,
        )

    def _choice(self, half: str, setting: str) -> RowsOrMaps:
        """How to choose between rows and maps in one of the two halves."""
        return RowsOrMaps(getattr(self, half), self.crossover[half], setting)


def _check_coarse(coarse: dict) -> None:
    """Refuse settings of a coarse first step that nothing knows."""
    where = "SelectiveExecution's coarse"
    reject_unknown(coarse, ('dtype', 'band'), where)
    if coarse.get('dtype', DTYPE) not in BANDS:
        raise ValueError(
            f'{where}: dtype={coarse["dtype"]!r} must be one of '
            + ', '.join(map(repr, BANDS))
        )
    if coarse.get('band', 0) < 0:
        raise ValueError(f'{where}: band={coarse["band"]} is less than 0')


def _as_pyramid(head: SRNHead, x: Maps) -> Pyramid:
    """Maps of any neck as a pyramid."""
    if not isinstance(x, (tuple, list)):
        return x
    head.check_number_of_maps(x)
    return BuiltPyramid(x, head.prior_generator.num_levels)
