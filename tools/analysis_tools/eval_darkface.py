#!/usr/bin/env python3
"""Evaluate on DARK FACE: another name of ``mmsrn eval darkface``."""

import sys

from mmsrn.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['eval', 'darkface', *sys.argv[1:]]))
