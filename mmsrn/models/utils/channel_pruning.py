"""The channels of a head's subnets that its predictors can do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from .dead_channels import last_layers

if TYPE_CHECKING:
    from ..dense_heads.two_step_head import TwoStepHead

__all__ = ['ChannelPruner', 'choose_channels', 'refit']

# What a cell without a face counts for classes, beside one with a score of 1.
_BACKGROUND = 1e-3
# In shares of the mean square of each channel, so that channels may depend on
# each other.
_RIDGE = 1e-9


class ChannelPruner:
    """Set channels of the last layer of each subnet to 0.

    A predictor is linear in the channels before it. It is fitted anew, by
    least squares, to give with the channels that stay what it gave with
    all; channels go one by one, the one whose loss costs least first. Cells
    count by their score, for classes also a little without one.  Weights that
    are 0 stay 0 in training, because ReLU passes no gradient to them.

    Args:
        head (TwoStepHead): The head; :meth:`prune` changes it.
        channels (int): How many stay in each subnet.

    Raises:
        ValueError: If the head has no such layer, or not more channels.
    """

    def __init__(self, head: TwoStepHead, channels: int) -> None:
        self._head = head
        self._channels = channels
        self._layers = last_layers(head)
        widths = [layer.out_channels for layer, _ in self._layers]
        if not widths:
            raise ValueError(
                f'{type(head).__name__}: no subnet ends in a convolution with '
                'ReLU and without a norm, so no channel can be pruned'
            )
        if not 0 < channels < min(widths):
            raise ValueError(
                f'channels={channels} must be positive and less than the '
                f'{min(widths)} of the subnets'
            )
        # Of each predictor, the second moments of its inputs and a 1.
        self.moments: dict[nn.Conv2d, Tensor] = {}

    @torch.no_grad()
    def observe(self, maps: tuple[Tensor | None, ...]) -> None:
        """Take in the features of a batch.

        Args:
            maps (tuple[Tensor | None]): What the head's ``forward`` takes:
                n or 2n maps, (B, in_channels, H, W).

        Raises:
            ValueError: As ``forward``, if a map is missing.
        """
        head = self._head
        num = head.prior_generator.num_levels
        head.check_number_of_maps(maps)
        head.check_first_maps(
            [i for i, x in enumerate(maps[:num]) if x is not None]
        )
        for level in range(num):
            first, second = maps[level], maps[level - num]
            in_str = level in head.str_levels
            scores = self._add_classes(second, level, False)
            refine = head.refine_predictor and in_str
            self._add_boxes(head.reg_layers(refine), second, scores)
            if level in head.stc_levels:
                self._add_classes(first, level, True)
            if in_str:
                self._add_boxes(head.reg_layers(first=True), first, scores)

    def _add_classes(self, x: Tensor, level: int, first: bool) -> Tensor:
        """Take in what a class predictor sees, and return its scores."""
        head, layers = self._head, self._head.cls_layers(first)
        features = _features(layers, x)
        logits = head.class_logits(layers[-1](features), level)
        scores = head.scores_of(logits).flatten(3).amax(-1)
        self._add(layers[-1], features, scores + _BACKGROUND)
        return scores

    def _add_boxes(
        self, layers: list[nn.Module], x: Tensor, scores: Tensor
    ) -> None:
        """Take in what a box predictor sees."""
        self._add(layers[-1], _features(layers, x), scores)

    def _add(
        self, predictor: nn.Conv2d, features: Tensor, weights: Tensor
    ) -> None:
        """Take in what a predictor sees, cells weighed, (B, H, W)."""
        rows = features.movedim(1, -1).flatten(0, -2).double()
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
        moments = rows.T @ (rows * weights.flatten()[:, None])
        self.moments[predictor] = self.moments.get(predictor, 0) + moments

    @torch.no_grad()
    def prune(self) -> None:
        """Set the channels to 0 that cost least.

        Raises:
            ValueError: If nothing was observed, or no finite number.
        """
        for layer, predictors in self._layers:
            seen = [x for x in predictors if x in self.moments]
            for predictor in seen:
                all_reduce(self.moments[predictor])
            problems = [(self.moments[x], _matrix(x)) for x in seen]
            keep = choose_channels(problems, self._channels)
            for predictor, problem in zip(seen, problems):
                fitted = refit(*problem, keep).to(predictor.weight)
                predictor.weight.zero_()
                predictor.weight[:, keep, 0, 0] = fitted[:-1].T
                predictor.bias.copy_(fitted[-1])
            dead = [i for i in range(layer.out_channels) if i not in keep]
            layer.conv.weight[dead] = 0
            if layer.conv.bias is not None:
                layer.conv.bias[dead] = 0


def choose_channels(
    predictors: list[tuple[Tensor, Tensor]], number: int
) -> list[int]:
    """Channels with which linear predictors lose least.

    The squared errors of a predictor count in shares of the variance of what
    it gives; one that always gives the same does not count.

    Args:
        predictors (list[tuple[Tensor, Tensor]]): Of each the second moments
            of what it sees, with a 1 at the end of each row, (C + 1, C + 1);
            and its matrix, the bias last, (C + 1, outputs); float64.
        number (int): How many to keep.

    Returns:
        list[int]: Their indices, rising.

    Raises:
        ValueError: If there is no predictor that counts, or a number is not
            finite.
    """
    variances = [_variance(*x) for x in predictors]
    if not all(map(torch.isfinite, variances)):
        raise ValueError(
            'features or weights are not finite, so no channels can be chosen'
        )
    counted = [x for x in zip(predictors, variances) if x[1] > 0]
    if not counted:
        raise ValueError(
            'no channels can be chosen: no batch was observed, or the '
            'predictors give the same everywhere'
        )
    keep = list(range(len(predictors[0][0]) - 1))
    while len(keep) > number:
        cost = 0
        for (moments, matrix), variance in counted:
            fitted, inverse = _solve(moments, matrix, keep)
            loss = fitted.square().sum(1) / inverse.diagonal()
            cost = cost + loss[:-1] / variance
        keep.pop(int(cost.argmin()))
    return keep


def refit(moments: Tensor, matrix: Tensor, keep: list[int]) -> Tensor:
    """A predictor of fewer channels that gives nearly the same.

    Args:
        moments, matrix (Tensor): See :func:`choose_channels`.
        keep (list[int]): The channels.

    Returns:
        Tensor: Its matrix, the bias last, (channels + 1, outputs), float64.
    """
    return _solve(moments, matrix, keep)[0]


def _solve(
    moments: Tensor, matrix: Tensor, keep: list[int]
) -> tuple[Tensor, Tensor]:
    """The fitted matrix, and the inverse of the moments of its inputs."""
    kept = [*keep, -1]
    rows = moments[kept]
    square = rows[:, kept]
    scale = square.diagonal().sqrt()
    scale = scale.where(scale > 0, 1)
    scaled = square / scale / scale[:, None]
    scaled.diagonal().add_(_RIDGE)
    inverse = torch.linalg.inv(scaled) / scale / scale[:, None]
    # The channels that stay do what they did, and make up for the others.
    own = matrix[kept]
    return own + inverse @ (rows @ matrix - square @ own), inverse


def _variance(moments: Tensor, matrix: Tensor) -> Tensor:
    """Of what a predictor gives, summed over its outputs and all cells."""
    total = (matrix * (moments @ matrix)).sum()
    means = moments[-1] @ matrix
    variance = total - means.square().sum() / moments[-1, -1]
    # Rounding leaves a little of a constant.
    return variance.where(~(variance <= 1e-12 * total), 0)


def _features(layers: list[nn.Module], x: Tensor) -> Tensor:
    """What the predictor, the last layer, sees of a map."""
    for layer in layers[:-1]:
        x = layer(x)
    return x


def _matrix(predictor: nn.Conv2d) -> Tensor:
    """A predictor as :func:`choose_channels` takes it."""
    weight = predictor.weight.flatten(1).double()
    return torch.cat([weight, predictor.bias.double()[:, None]], dim=1).T
