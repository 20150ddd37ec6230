"""Fixtures of all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing about its outcome.
settings.register_profile('mmsrn', deadline=None)
settings.load_profile('mmsrn')

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def root():
    """Folder of the repository."""
    return ROOT


@pytest.fixture(scope='session')
def shared():
    """Folder with real data and reference results; skips where it is absent.

    It is not part of the repository: `MMSRN_SHARED` names it, else it is
    looked for beside the repository.
    """
    folder = Path(os.environ.get('MMSRN_SHARED', ROOT.parent / 'shared'))
    if not folder.is_dir():
        pytest.skip(f'no reference data at {folder}')
    return folder
