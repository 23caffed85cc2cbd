"""`python -m wnv` is `wnv`."""

from __future__ import annotations

from wnv.cli.main import main

if __name__ == "__main__":
    main()
