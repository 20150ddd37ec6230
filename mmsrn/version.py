"""The one place of the version; read by setup.cfg without an import."""

__version__ = '0.1.0'
