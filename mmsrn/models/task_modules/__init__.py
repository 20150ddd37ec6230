"""What stands between a head and its losses: targets of both steps."""

from .assigners import *  # noqa: F403
from .coders import *  # noqa: F403
from .prior_generators import *  # noqa: F403
from .step_targets import StepAssigner, StepTargets

__all__ = ['StepAssigner', 'StepTargets']
