"""ONNX Runtime on the CPU, in the only way that it is used here."""

from __future__ import annotations

import os

from onnxruntime import InferenceSession, SessionOptions

from .model_facts import ModelFacts

__all__ = ['facts_of', 'start_session', 'usable_cores']

_ERRORS = 3  # severity; they are raised, too


def start_session(
    model: bytes | str, threads: int | None = None
) -> InferenceSession:
    """Make a model ready to run.

    Args:
        model (bytes | str): The model, or the path of its file.
        threads (int, optional): Threads to compute with; by default as many
            as :func:`usable_cores`.

    Returns:
        InferenceSession: It.
    """
    options = SessionOptions()
    options.log_severity_level = _ERRORS
    # By itself it would take, and hold on to, all cores there are.
    options.intra_op_num_threads = threads or usable_cores()
    return InferenceSession(model, options, providers=['CPUExecutionProvider'])


def facts_of(session: InferenceSession) -> ModelFacts:
    """What the model of a session says about itself.

    Args:
        session (InferenceSession): It.

    Returns:
        ModelFacts: The facts.

    Raises:
        ValueError: If they are not all there.
    """
    metadata = session.get_modelmeta().custom_metadata_map
    return ModelFacts.from_metadata(metadata)


def usable_cores() -> int:
    """Count the cores that this process may compute on.

    Returns:
        int: Those that it may use, but at most ``OMP_NUM_THREADS`` of the
        environment, which PyTorch and NumPy keep to by themselves; at least
        1.
    """
    if hasattr(os, 'sched_getaffinity'):  # not everywhere
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    most = os.environ.get('OMP_NUM_THREADS', '')
    return min(cores, int(most)) if most.isdecimal() and int(most) else cores
