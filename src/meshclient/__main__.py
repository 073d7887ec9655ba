"""``python -m meshclient`` is the ``meshclient`` command."""

from __future__ import annotations

from meshclient.cli.main import main

raise SystemExit(main())
