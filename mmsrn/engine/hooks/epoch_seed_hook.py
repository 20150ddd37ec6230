"""Random numbers that depend on the epoch alone."""

import random

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed every epoch from the run's seed, the epoch and the rank.

    A training that was interrupted and resumed then augments, and ends, as
    one that was not.  mmengine seeds once, at the start: its random numbers
    after a resumption are those of the first epoch.

    Workers of the data loader get their seeds from torch, which draws them
    anew whenever they start.  So they must start with the epoch
    (``persistent_workers=False``).

    The promise is for ``EpochBasedTrainLoop``.  ``IterBasedTrainLoop`` has but
    one epoch: it is seeded at its start, and a resumed one draws again what it
    has drawn before.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Leave the seeds of the workers to torch, take the run's for order.

        Args:
            runner (Runner): The runner.
        """
        loader = runner.train_dataloader
        # mmengine's function would seed them alike in every epoch.
        loader.worker_init_fn = None
        # Built before a checkpoint gave a resumed run its seed back.
        # Always through the batch sampler: where the config names one, torch
        # puts a sampler that nobody asks into ``loader.sampler``.
        loader.batch_sampler.sampler.seed = runner.seed
        if loader.persistent_workers:
            runner.logger.warning(
                'EpochSeedHook: a resumed training will differ from an '
                'uninterrupted one; set train_dataloader.'
                'persistent_workers=False'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, numpy and torch.

        Args:
            runner (Runner): The runner.
        """
        entropy = (runner.seed, runner.epoch, get_rank())
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
