"""`python -m vqclip` is `vqclip`; so is `python run.py` in a checkout."""

from vqclip.cli.main import main

raise SystemExit(main())
