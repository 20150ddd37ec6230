"""Fixtures of the tests of models."""

import pytest


@pytest.fixture(scope='session')
def stc():
    """Function that makes one of gate and loss, as a head joins them.

    It takes the arguments of both, and what it makes takes those of both and
    returns losses and selection.
    """
    from mmsrn.models.two_step import STCGate, STCLoss

    def make(loss_cls, levels=(0,), theta=0.99, **options):
        loss = STCLoss(loss_cls, **options)
        use_sigmoid = loss.loss_cls.use_sigmoid
        gate = STCGate(levels, theta, loss.spare_positives, use_sigmoid)

        def run(
            first, labels1, scores, second, labels2, in_levels, classes, *more
        ):
            phi = gate.select(labels2, scores, in_levels, classes)
            given = (second, labels2, phi, in_levels, classes, *more)
            return loss(first if levels else None, labels1, *given), phi

        return run

    return make
