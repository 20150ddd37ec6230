"""Random numbers that depend only on seed, epoch and process."""

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

    A resumed training then gets the same augmentations and ends like an
    uninterrupted one. mmengine seeds only once: after a resumption its random
    numbers are those of the first epoch.

    Data-loading workers get their seeds from torch when they start, so they
    must start with each epoch (``persistent_workers=False``).

    This holds for ``EpochBasedTrainLoop``.  ``IterBasedTrainLoop`` has one
    epoch: it is seeded at its start, and a resumed training draws the same
    numbers again.
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
