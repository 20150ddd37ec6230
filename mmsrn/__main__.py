"""``python -m mmsrn`` is the command ``mmsrn``."""

import sys

from mmsrn.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
