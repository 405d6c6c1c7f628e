from vqclip.cli import main

raise SystemExit(main())
