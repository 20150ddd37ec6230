"""ONNX Runtime on the CPU, in the only way that it is used here."""

from __future__ import annotations

from onnxruntime import InferenceSession, SessionOptions

from .model_facts import ModelFacts

__all__ = ['facts_of', 'start_session']

_ERRORS = 3  # severity; they are raised, too


def start_session(
    model: bytes | str, threads: int | None = None
) -> InferenceSession:
    """Make a model ready to run.

    Args:
        model (bytes | str): The model, or the path of its file.
        threads (int, optional): Threads to compute with; by default all
            cores.

    Returns:
        InferenceSession: It.
    """
    options = SessionOptions()
    options.log_severity_level = _ERRORS
    if threads is not None:
        options.intra_op_num_threads = threads
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
