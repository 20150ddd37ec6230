"""What a reader raises or warns of."""

__all__ = ['AnnotationError', 'EvaluationWarning']


class AnnotationError(ValueError):
    """A file that cannot be read as what it should be."""


class EvaluationWarning(UserWarning):
    """The published tool has an answer here, but hardly the one wanted."""
