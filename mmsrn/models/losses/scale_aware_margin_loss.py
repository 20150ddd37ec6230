"""Focal loss with a margin that depends on the size of the object."""

import torch
from mmdet.models.losses import FocalLoss
from mmdet.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class ScaleAwareMarginLoss(FocalLoss):
    r"""Scale-aware margin loss (SML): positives must exceed a margin.

    .. math:: L(x, s) = L_{FL}(x - m(s)), \quad
              m(s) = m_0 \cdot \min\left(1, \frac{s_0}{s}\right)^k

    x is the logit of the class of a positive and s the size of its object,
    the square root of its area in pixels of the training image; m_0, s_0 and
    k are ``margin``, ``base_size`` and ``power``.  Small objects get the
    largest margin.  All other logits enter the focal loss as they are, and at
    test time there is no margin at all.

    The head must pass the sizes: the target is ``(labels, sizes)``, like
    ``(labels, scores)`` of mmdet's ``QualityFocalLoss``. ``SRNHead`` passes
    them because ``needs_sizes`` is set. Heads of mmdet pass labels only:
    there, ``default_size`` gives all objects the same margin.

    Source: RefineFace (arXiv 1909.04376), abstract: SML is "to better
    distinguish faces from background at various scales".  The formula is not
    known here.  This one and all its numbers are this project's, and no
    accuracy has been measured with them.

    Args:
        margin (float): Largest margin, of a logit, at least 0; 0 is the focal
            loss.
        base_size (float): Size in pixels up to which the margin is largest.
        power (float): How fast it falls above; 0 is one margin for all.
        default_size (float, optional): Size in pixels of all objects if the
            head passes none; ``None``: an error.
        **kwargs: As in ``FocalLoss``; ``activated`` must not be set.

    Raises:
        ValueError: If an argument is out of its range, or in ``forward`` if
            there are no sizes.

    Example:
        >>> import torch
        >>> loss = ScaleAwareMarginLoss(margin=0.5, base_size=16, power=0.5)
        >>> loss.margins(torch.tensor([8.0, 16.0, 64.0])).tolist()
        [0.5, 0.5, 0.25]
    """

    needs_sizes = True

    def __init__(
        self,
        margin: float = 0.5,
        base_size: float = 16.0,
        power: float = 0.5,
        default_size: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (('margin', margin), ('power', power)):
            if value < 0:
                raise ValueError(
                    f'ScaleAwareMarginLoss: {name}={value} must be at least 0'
                )
        for name, value in (
            ('base_size', base_size),
            ('default_size', default_size),
        ):
            if value is not None and value <= 0:
                raise ValueError(
                    f'ScaleAwareMarginLoss: {name}={value} must be more than 0'
                )
        if self.activated:
            raise ValueError(
                'ScaleAwareMarginLoss: a margin is one of logits; leave '
                'activated=False'
            )
        self.margin = margin
        self.base_size = base_size
        self.power = power
        self.default_size = default_size

    def margins(self, sizes: Tensor) -> Tensor:
        """Margins of objects.

        Args:
            sizes (Tensor): Square roots of their areas in pixels.

        Returns:
            Tensor: Of the same shape, in [0, ``margin``].
        """
        ratio = (
            self.base_size / sizes.clamp(min=self.base_size)
        ) ** self.power
        return self.margin * ratio

    def forward(
        self,
        pred: Tensor,
        target: Tensor | tuple[Tensor, Tensor],
        *args,
        **kwargs,
    ) -> Tensor:
        """Loss of some samples.

        Args:
            pred (Tensor): Logits, (N, classes).
            target (Tensor | tuple[Tensor, Tensor]): Labels, int64, (N,), the
                number of classes being the background; or these and the
                sizes of the objects in pixels, (N,), of which those of
                positives count.
            args, kwargs: As in ``FocalLoss``: ``weight``, ``avg_factor``
                and ``reduction_override``.

        Returns:
            Tensor: As of ``FocalLoss``.

        Raises:
            ValueError: If neither ``target`` nor ``default_size`` gives sizes.
        """
        if isinstance(target, tuple):
            labels, sizes = target
        elif self.default_size is None:
            raise ValueError(
                'ScaleAwareMarginLoss: the head tells labels but no sizes of '
                'objects, as SRNHead does; set default_size for one margin '
                'for all'
            )
        else:
            labels = target
            sizes = pred.new_full(labels.shape, self.default_size)
        positive = (labels >= 0) & (labels < pred.shape[1])
        shift = torch.zeros_like(pred)
        margins = self.margins(sizes[positive])
        shift[positive, labels[positive]] = margins.to(shift.dtype)
        return super().forward(pred - shift, labels, *args, **kwargs)
