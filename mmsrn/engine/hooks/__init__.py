"""Hooks of the runner."""

from .channels_last_hook import ChannelsLastHook
from .data_check_hook import DataCheckHook
from .epoch_seed_hook import EpochSeedHook
from .master_logger_hook import MasterLoggerHook
from .prepare_for_inference_hook import PrepareForInferenceHook
from .protocol_hook import ProtocolHook

__all__ = [
    'ChannelsLastHook',
    'DataCheckHook',
    'EpochSeedHook',
    'MasterLoggerHook',
    'PrepareForInferenceHook',
    'ProtocolHook',
]
