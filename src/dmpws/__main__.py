"""`python -m dmpws`."""

import sys

from dmpws.cli import main

sys.exit(main())
