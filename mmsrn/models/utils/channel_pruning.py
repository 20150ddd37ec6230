"""The channels of a head's subnets that its predictors can do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from .dead_channels import last_convs

if TYPE_CHECKING:
    from ..dense_heads.two_step_head import TwoStepHead

__all__ = ['ChannelPruner', 'choose_channels', 'refit']

# What a cell without a face counts beside one with a score of 1.
_BACKGROUND = 1e-3
# Of the mean of a diagonal, so that channels may depend on each other.
_RIDGE = 1e-6


class ChannelPruner:
    """Set channels of the last layer of each subnet to 0.

    A predictor is linear in the channels before it. It is fitted anew, by
    least squares, to give with the channels that stay what it gave with
    all; channels go one by one, the one whose loss costs least first.  Cells
    count by their score.  Weights that are 0 stay 0 in training, because
    ReLU passes no gradient to them.

    Args:
        head (TwoStepHead): The head; ``prune`` changes it.
        channels (int): How many stay in each subnet.

    Raises:
        ValueError: If the head has no such layer, or not more channels.
    """

    def __init__(self, head: TwoStepHead, channels: int) -> None:
        self._head = head
        self._channels = channels
        self._convs = last_convs(head)
        widths = [layer.out_channels for layer, _ in self._convs]
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
        self._moments: dict[nn.Conv2d, Tensor] = {}

    @torch.no_grad()
    def observe(self, maps: tuple[Tensor | None, ...]) -> None:
        """Take in the features of a batch.

        Args:
            maps (tuple[Tensor | None]): What the head's ``forward`` takes.
        """
        head = self._head
        num = head.prior_generator.num_levels
        for first, levels in ((True, maps[:num]), (False, maps[-num:])):
            for level, x in enumerate(levels):
                in_cls = not first or level in head.stc_levels
                in_reg = not first or level in head.str_levels
                if x is None or not (in_cls or in_reg):
                    continue
                features, logits = _run(head.cls_layers(first), x)
                logits = head.class_logits(logits, level)
                scores = head.scores_of(logits).flatten(3).amax(-1)
                if in_cls:
                    predictor = head.cls_layers(first)[-1]
                    self._add(predictor, features, scores + _BACKGROUND)
                if in_reg:
                    refine = not first and (
                        head.refine_predictor and level in head.str_levels
                    )
                    layers = head.reg_layers(refine, first)
                    self._add(layers[-1], _run(layers, x)[0], scores)

    def _add(self, predictor: nn.Conv2d, features: Tensor, weights: Tensor):
        rows = _with_one(features.movedim(1, -1).flatten(0, -2).double())
        moments = rows.T @ (rows * weights.flatten()[:, None])
        self._moments[predictor] = self._moments.get(predictor, 0) + moments

    @torch.no_grad()
    def prune(self) -> None:
        """Set the channels to 0 that cost least."""
        for layer, predictors in self._convs:
            predictors = [x for x in predictors if x in self._moments]
            for predictor in predictors:
                all_reduce(self._moments[predictor])
            keep = choose_channels(
                [(self._moments[x], _matrix(x)) for x in predictors],
                self._channels,
            )
            for predictor in predictors:
                fitted = refit(
                    self._moments[predictor], _matrix(predictor), keep
                )
                predictor.weight.zero_()
                predictor.weight[:, keep, 0, 0] = fitted[:-1].T.to(
                    predictor.weight
                )
                predictor.bias.copy_(fitted[-1])
            dead = torch.ones(layer.out_channels, dtype=torch.bool)
            dead[keep] = False
            layer.conv.weight[dead] = 0
            if layer.conv.bias is not None:
                layer.conv.bias[dead] = 0


def _with_one(rows: Tensor) -> Tensor:
    """Rows with a 1 at their end, for the bias."""
    return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)


def choose_channels(
    predictors: list[tuple[Tensor, Tensor]], number: int
) -> list[int]:
    """Channels with which linear predictors lose least.

    Args:
        predictors (list[tuple[Tensor, Tensor]]): Of each the second moments
            of what it sees, with a 1 at the end of each row, (C + 1, C + 1);
            and its matrix, the bias last, (C + 1, outputs); float64.
        number (int): How many to keep.

    Returns:
        list[int]: Their indices, rising. The squared errors of a predictor
        count in shares of the variance of what it gives.
    """
    keep = list(range(len(predictors[0][0]) - 1))
    variances = [_variance(*x) for x in predictors]
    while len(keep) > number:
        cost = torch.zeros(len(keep), dtype=torch.float64)
        for (moments, matrix), variance in zip(predictors, variances):
            fitted, inverse = _solve(moments, matrix, keep)
            loss = fitted.square().sum(1) / inverse.diagonal()
            cost += (loss[:-1] / variance).to(cost)
        keep.pop(int(cost.argmin()))
    return keep


def refit(moments: Tensor, matrix: Tensor, keep: list[int]) -> Tensor:
    """A predictor of fewer channels that gives nearly the same.

    Args:
        moments, matrix (Tensor): See :func:`choose_channels`.
        keep (list[int]): The channels.

    Returns:
        Tensor: Its matrix, the bias last, (channels + 1, outputs).
    """
    return _solve(moments, matrix, keep)[0]


def _solve(
    moments: Tensor, matrix: Tensor, keep: list[int]
) -> tuple[Tensor, Tensor]:
    """The fitted matrix, and the inverse of the moments of its inputs."""
    rows = moments[[*keep, -1]]
    square = rows[:, [*keep, -1]]
    ridge = _RIDGE * square.diagonal().mean()
    square = square + torch.diag(torch.full_like(square[0], float(ridge)))
    inverse = torch.linalg.inv(square)
    return inverse @ (rows @ matrix), inverse


def _variance(moments: Tensor, matrix: Tensor) -> float:
    """Of what a predictor gives, summed over its outputs and all cells."""
    total = (matrix * (moments @ matrix)).sum()
    means = moments[-1] @ matrix
    return float(total - means.square().sum() / moments[-1, -1])


def _run(layers: list[nn.Module], x: Tensor) -> tuple[Tensor, Tensor]:
    """What a subnet gives, and its predictor."""
    for layer in layers[:-1]:
        x = layer(x)
    return x, layers[-1](x)


def _matrix(predictor: nn.Conv2d) -> Tensor:
    """A predictor as :func:`choose_channels` takes it."""
    weight = predictor.weight.flatten(1).double()
    return torch.cat([weight, predictor.bias.double()[:, None]], dim=1).T
