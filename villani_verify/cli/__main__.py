"""`python -m villani_verify.cli` is `villani-verify`."""

import sys

from villani_verify.cli import main

sys.exit(main())
