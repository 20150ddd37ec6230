#!/usr/bin/env python3
"""Evaluate on WIDER FACE: another name of ``mmsrn eval widerface``."""

import sys

from mmsrn.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['eval', 'widerface', *sys.argv[1:]]))
