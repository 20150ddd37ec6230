"""Errors and warnings of the readers."""

__all__ = ['AnnotationError', 'EvaluationWarning']


class AnnotationError(ValueError):
    """A file is malformed or missing."""


class EvaluationWarning(UserWarning):
    """The published tool's answer is probably not the intended one."""
