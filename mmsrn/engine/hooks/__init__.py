"""Hooks of the runner."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channel_pruning_hook import ChannelPruningHook
from .channels_last_hook import ChannelsLastHook
from .data_check_hook import DataCheckHook
from .epoch_seed_hook import EpochSeedHook
from .master_logger_hook import MasterLoggerHook
from .nested_visualization_hook import NestedVisualizationHook
from .prepare_for_inference_hook import PrepareForInferenceHook
from .protocol_hook import ProtocolHook

__all__ = [
    'AtomicCheckpointHook',
    'ChannelPruningHook',
    'ChannelsLastHook',
    'DataCheckHook',
    'EpochSeedHook',
    'MasterLoggerHook',
    'NestedVisualizationHook',
    'PrepareForInferenceHook',
    'ProtocolHook',
]
