"""The program `doorbell-deploy`: the guard is asked without loading the rest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["guard"]:
        from production.deployment.guard import main as guard  # noqa: PLC0415 - nothing else may be loaded here

        return guard(words[1:])
    from production.deployment.commands import main as run  # noqa: PLC0415 - as above

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
