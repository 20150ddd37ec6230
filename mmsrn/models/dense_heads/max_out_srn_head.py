"""Max-out background on the lowest level of SRN."""

from mmdet.registry import MODELS
from mmdet.utils import ConfigType
from torch import Tensor

from .srn_head import SRNHead


@MODELS.register_module()
class MaxOutSRNHead(SRNHead):
    r"""SRNHead with several logits of the background on the lowest level.

    .. math:: z_c = f_c - \max_{j=1..n} b_j

    f are the logits of the classes of an anchor and b those of n kinds of
    background.  On level 0, where most false positives come from, z stands in
    place of f: losses, gate and detections take its sigmoid, and an anchor is
    background if it looks like one of the kinds.  With one class, sigmoid(z)
    is the probability that a softmax of the class and of the largest
    background logit gives it, as published.

    All levels share a predictor: ``conv_cls`` has further channels after those
    of the classes, and only level 0 reads them. This holds for both steps;
    with ``separate_steps`` each step has its own predictor.  Outputs have the
    shape of
    ``SRNHead``'s.

    Source: S3FD (arXiv 1708.05237), max-out background label; its public
    ports have three background logits on the lowest map.  AInnoFace
    (arXiv 1905.01585, abstract) takes the operation over; its numbers, and
    whether it applies it to other levels or to faces, are not known here.

    Args:
        num_backgrounds (int): n, at least 1.
        **kwargs: As in ``SRNHead``; ``loss_cls`` of sigmoids.

    Raises:
        ValueError: If ``num_backgrounds`` is out of its range, or
            ``loss_cls`` is a softmax.
    """

    def __init__(self, *args, num_backgrounds: int = 3, **kwargs) -> None:
        if num_backgrounds < 1:
            raise ValueError(
                f'MaxOutSRNHead: num_backgrounds={num_backgrounds} must be at '
                'least 1; without any use SRNHead'
            )
        self.num_backgrounds = num_backgrounds
        super().__init__(*args, **kwargs)

    def _init_layers(self) -> None:
        if not self.use_sigmoid_cls:
            raise ValueError(
                'MaxOutSRNHead: loss_cls must be of sigmoids '
                '(use_sigmoid=True); a softmax has a background of its own'
            )
        super()._init_layers()

    @property
    def predictor_channels(self) -> int:
        """Channels of the classes, then of the backgrounds."""
        backgrounds = self.num_base_priors * self.num_backgrounds
        return self._num_logits + backgrounds

    @property
    def _num_logits(self) -> int:
        """Channels of the classes."""
        return super().predictor_channels

    def _channel_biases(self) -> list[ConfigType]:
        """As ``SRNHead``; backgrounds start at 0: a face is improbable."""
        return self._biases_of_classes(0.0, self._num_logits)

    def class_logits(self, scores: Tensor, level: int) -> Tensor:
        """Reduce the outputs of the predictor to class logits.

        Args:
            scores (Tensor): Logits of classes, then of backgrounds,
                (N, priors * (channels + num_backgrounds), H, W).
            level (int): Index of the level of the map.

        Returns:
            Tensor: (N, priors * channels, H, W).
        """
        faces = scores[:, : self._num_logits]
        if level > 0:
            return faces
        backgrounds = scores[:, self._num_logits :]
        most = backgrounds.unflatten(1, (-1, self.num_backgrounds)).amax(2)
        # Channels: all classes of a cell's first prior, then the next.
        return faces - most.repeat_interleave(self.cls_out_channels, 1)
