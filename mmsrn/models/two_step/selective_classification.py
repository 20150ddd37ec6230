"""Selective two-step classification (STC): its gate and its loss."""

from __future__ import annotations

import torch
from mmdet.registry import MODELS
from mmdet.utils import ConfigType
from torch import Tensor, nn

from .normalizer import PositiveNormalizer
from .quality import quality_loss, takes_quality
from .weighed_loss import weighed_loss


class STCGate:
    """Decides which samples the first step lets through to the second.

    The only place where STC's rule is written.  In training the gate drops
    easy negatives from the loss of the second step, :meth:`select`.  At test
    time it drops candidates, :meth:`detectable`.  Both use :meth:`passes`.

    The confidence in the background is that of the softmax; with sigmoids, it
    is ``1 - max p`` over the classes.

    Source: SRN (arXiv 1809.02693), STC equation and figure 1a, which shows
    that the gate removes negatives only; filter of ``rpn_proposal.py`` in the
    published code.

    Args:
        levels (tuple[int]): Indices of the levels of STC; empty switches STC
            off.
        theta (float): Confidence in the background, in [0, 1), above which a
            sample is dropped.
        spare_positives (bool): In training, keep positives whatever the first
            step says.
        use_sigmoid (bool): Whether scores are those of sigmoids, one for each
            class, or those of a softmax without its background.

    Raises:
        ValueError: If ``theta`` is out of its range.

    Example:
        >>> import torch
        >>> gate = STCGate(levels=(0,), theta=0.99)
        >>> gate.passes(torch.tensor([[0.02], [0.01]])).tolist()
        [True, False]
    """

    def __init__(
        self,
        levels: tuple[int, ...] = (0, 1, 2),
        theta: float = 0.99,
        spare_positives: bool = True,
        use_sigmoid: bool = True,
    ) -> None:
        if not 0 <= theta < 1:
            raise ValueError(f'STCGate: theta={theta} is not in [0, 1)')
        self.levels = tuple(levels)
        self.theta = theta
        self.spare_positives = spare_positives
        self.use_sigmoid = use_sigmoid

    def passes(self, scores: Tensor) -> Tensor:
        """Which samples the first step lets through.

        Args:
            scores (Tensor): First-step probabilities, (..., classes).

        Returns:
            Tensor: bool, (...): False for easy negatives: the probability of
            their most likely class (sigmoid) or of all classes together
            (softmax) is at most ``1 - theta``.
        """
        if self.use_sigmoid:
            confidence = scores.amax(dim=-1)
        else:
            confidence = scores.sum(dim=-1)
        # 1 - 0.99 is a little over 0.01 in binary; the published gate is the
        # float nearest to 0.01.
        return confidence > round(1 - self.theta, 12)

    def undecided(self, low: Tensor, high: Tensor) -> Tensor:
        """Which samples inexact scores leave undecided.

        Args:
            low, high (Tensor): The least and the largest that the first-step
                probabilities may be, (..., classes) each.

        Returns:
            Tensor: bool, (...): True where only ``high`` passes.
        """
        return self.passes(high) & ~self.passes(low)

    def select(
        self,
        labels: Tensor,
        first_scores: Tensor | None,
        in_levels: Tensor,
        num_classes: int,
    ) -> Tensor:
        """Phi, the samples in the second step's loss.

        Args:
            labels (Tensor): Second-step labels, (B, N).
            first_scores (Tensor, optional): First-step probabilities on the
                levels of STC, (B, M, classes); not used without levels.
            in_levels (Tensor): bool, (N,): which of the N samples lie on the
                levels of STC (M of them).
            num_classes (int): Label of negatives.

        Returns:
            Tensor: bool, (B, N).
        """
        selected = labels >= 0
        if not self.levels:
            return selected
        passed = torch.ones_like(selected)
        passed[:, in_levels] = self.passes(first_scores.detach())
        if self.spare_positives:
            passed |= labels < num_classes
        return selected & passed

    def detectable(
        self,
        first_scores: Tensor | None,
        second_scores: Tensor,
        threshold: float | Tensor,
    ) -> Tensor:
        """Which scores of the second step may become detections.

        Args:
            first_scores (Tensor, optional): First-step probabilities, (...,
                classes); ``None`` off the levels of STC.
            second_scores (Tensor): Second-step probabilities, (..., classes).
            threshold (float | Tensor): What they must exceed.

        Returns:
            Tensor: bool, (..., classes).
        """
        found = second_scores > threshold
        if first_scores is None:
            return found
        return found & self.passes(first_scores)[..., None]


@MODELS.register_module()
class STCLoss(nn.Module):
    r"""Weighs and sums the loss of a two-step classification.

    .. math:: L = \frac{1}{N_{s1}} \sum_{i \in \Omega} L_{cls}(p_i, l^1_i)
                + \frac{1}{N_{s2}} \sum_{i \in \Phi} L_{cls}(q_i, l^2_i)

    Omega holds the first-step samples of the levels of STC.  Phi holds the
    second-step samples of all levels but the negatives of the levels of STC
    whose first-step confidence in the background is more than ``theta``.  The
    head owns levels and ``theta``: its :class:`STCGate` gives Phi, a mask
    through which no gradient passes.

    Args:
        loss_cls (dict | nn.Module): A loss of mmdet's that takes ``(pred,
            target, weight, avg_factor)``, logits and labels first, and honours
            the last two: they hold the divisors.  Losses that ignore them are
            refused.  Quality focal and varifocal loss also
            get the quality of each positive; one that has ``needs_sizes`` set
            gets ``(labels, sizes)`` for the labels.
        spare_positives (bool): For the head's gate, see :class:`STCGate`.
        first_step_weight (float): Weight of the first-step term; that of both
            is ``loss_weight`` of ``loss_cls``.
        count_all_levels (bool): Count the positives of all levels in N_s1,
            not only of the levels of STC.
        per_image (bool): See :class:`PositiveNormalizer`.

    Raises:
        ValueError: If ``loss_cls`` ignores weights and divisor.
    """

    def __init__(
        self,
        loss_cls: ConfigType | nn.Module,
        spare_positives: bool = True,
        first_step_weight: float = 1.0,
        count_all_levels: bool = False,
        per_image: bool = False,
    ) -> None:
        super().__init__()
        self.loss_cls = weighed_loss('STCLoss: loss_cls', loss_cls)
        self.spare_positives = spare_positives
        self.first_step_weight = first_step_weight
        self.count_all_levels = count_all_levels
        self.normalizer = PositiveNormalizer(per_image)

    @property
    def takes_quality(self) -> bool:
        """Whether ``loss_cls`` wants an overlap beside the label."""
        return takes_quality(self.loss_cls)

    @property
    def takes_sizes(self) -> bool:
        """Whether ``loss_cls`` wants an object's size beside the label."""
        return getattr(self.loss_cls, 'needs_sizes', False)

    def select_first(self, labels: Tensor) -> Tensor:
        """Omega.

        Args:
            labels (Tensor): First-step labels of the levels of STC, (B, M).

        Returns:
            Tensor: bool, (B, M).
        """
        return labels >= 0

    def forward(
        self,
        first_logits: Tensor | None,
        first_labels: Tensor,
        second_logits: Tensor,
        second_labels: Tensor,
        selected: Tensor,
        in_levels: Tensor,
        num_classes: int,
        first_extra: Tensor | None = None,
        second_extra: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Loss of both steps.

        Args:
            first_logits (Tensor, optional): (B, M, channels) on the levels of
                STC; ``None`` without levels.
            first_labels (Tensor): (B, N): class, ``num_classes`` for
                negatives, -1 for ignored.
            second_logits (Tensor): (B, N, channels).
            second_labels (Tensor): (B, N), as ``first_labels``.
            selected (Tensor): Phi, see :meth:`STCGate.select`.
            in_levels (Tensor): bool, (N,), see :meth:`STCGate.select`.
            num_classes (int): Label of negatives.
            first_extra, second_extra (Tensor, optional): Further targets of
                positives, (B, N): with :attr:`takes_quality` the scores to
                learn, in [0, 1]; with :attr:`takes_sizes` the sizes of their
                objects in pixels.

        Returns:
            dict[str, Tensor]: ``loss_cls_fs`` (only with levels) and
            ``loss_cls_ss``, scalars.

        Raises:
            ValueError: If ``loss_cls`` needs qualities that are not given.
        """
        if self.takes_quality and (
            first_extra is None or second_extra is None
        ):
            raise ValueError(
                f'STCLoss: {type(self.loss_cls).__name__} learns overlaps: '
                'give them as first_extra and second_extra'
            )
        losses = {}
        if first_logits is not None:
            labels = first_labels[:, in_levels]
            counted = first_labels if self.count_all_levels else labels
            loss = self._sum(
                first_logits,
                labels,
                self.select_first(labels),
                (counted >= 0) & (counted < num_classes),
                None if first_extra is None else first_extra[:, in_levels],
            )
            losses['loss_cls_fs'] = self.first_step_weight * loss
        losses['loss_cls_ss'] = self._sum(
            second_logits,
            second_labels,
            selected,
            (second_labels >= 0) & (second_labels < num_classes),
            second_extra,
        )
        return losses

    def _sum(self, logits, labels, selected, positive, extra):
        images, inds = selected.nonzero(as_tuple=True)
        weights, divisor = self.normalizer(positive, images)
        if len(images) == 0:  # keeps the graph, and CUDA ops dislike it empty
            return logits.sum() * 0
        samples, targets = logits[images, inds], labels[images, inds]
        if self.takes_quality:
            return quality_loss(
                self.loss_cls,
                *(samples, targets, extra[images, inds]),
                *(weights, divisor),
            )
        if self.takes_sizes and extra is not None:
            targets = targets, extra[images, inds]
        return self.loss_cls(samples, targets, weights, avg_factor=divisor)
