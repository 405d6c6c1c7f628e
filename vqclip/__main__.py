"""`python -m vqclip` is `vqclip`; so is `python run.py` in a checkout."""

from vqclip.cli import main

raise SystemExit(main())
