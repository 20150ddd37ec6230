"""Time, work and memory of one training step."""

from __future__ import annotations

import time

from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from benchmarks.timing import peak_rise, seconds, spread, take_turns
from mmsrn.models.utils.model_cost import operations_counter


class Step:
    """One training step of a model, as mmengine's loop does it.

    Args:
        model (nn.Module): Detector, on its device and in training mode.
        optim_wrapper (OptimWrapper): Of its parameters.
        batch (dict): What the data loader gives.
    """

    def __init__(
        self,
        model: nn.Module,
        optim_wrapper: OptimWrapper,
        batch: dict,
    ) -> None:
        self.model = model
        self.optim_wrapper = optim_wrapper
        self.batch = batch
        self.device = next(model.parameters()).device
        on_cpu = self.device.type == 'cpu'
        self.clock = time.process_time if on_cpu else time.perf_counter

    def __call__(self) -> None:
        """Forward, losses, backward, clipping, optimizer."""
        self.model.train_step(self.batch, self.optim_wrapper)

    def seconds(self) -> float:
        """Time of one step."""
        return seconds(self, self.device, self.clock)

    def operations(self) -> int:
        """Multiply-adds of one step, forwards and backwards."""
        with operations_counter() as counter:
            self()
        return counter.get_total_flops() // 2

    def kept_bytes(self) -> int:
        """Memory that the model keeps between steps.

        Returns:
            int: Bytes of parameters, buffers, gradients and the optimizer's
            state.
        """
        tensors = [*self.model.parameters(), *self.model.buffers()]
        tensors += [x.grad for x in self.model.parameters()]
        for state in self.optim_wrapper.optimizer.state.values():
            tensors += state.values()
        storages = {
            x.untyped_storage().data_ptr(): x.untyped_storage().nbytes()
            for x in tensors
            if isinstance(x, Tensor)
        }
        return sum(storages.values())

    def peak_bytes(self) -> int:
        """Most memory that the model needs in one step.

        The other model is in memory too. So what counts is the rise above
        the start of the step, and what this model keeps between steps.
        """
        rise = peak_rise(self, self.device)
        return self.kept_bytes() + rise


def compare(
    steps: dict[str, Step], iters: int, warmup: int
) -> dict[str, dict[str, float]]:
    """Measure models in turns.

    Args:
        steps (dict[str, Step]): Steps by name.
        iters (int): Timed steps of each.
        warmup (int): Steps before them.

    Returns:
        dict[str, dict[str, float]]: By name: what :func:`spread` gives,
        ``peak_bytes`` and ``operations``.
    """
    timed = {name: step.seconds for name, step in steps.items()}
    times = take_turns(timed, iters, warmup, 'Training steps')
    return {
        name: {
            **spread(times[name]),
            'peak_bytes': step.peak_bytes(),
            'operations': step.operations(),
        }
        for name, step in steps.items()
    }
