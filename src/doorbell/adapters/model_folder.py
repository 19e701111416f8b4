"""The folder of models: what is in it, and that it is what it should be."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from doorbell.adapters.digests import file_digest
from doorbell.adapters.durable_file import make_folder, told_as_storage_error
from doorbell.core.errors import ModelError, UnavailableError
from monitoring.logging.security import log_security_event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.adapters.model_catalogue import Model

Condition = Literal["installed", "absent", "damaged"]
PARTIAL = ".part"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """`[vision] models_dir`; made when something is first put into it."""

    path: Path

    def file_of(self, model: Model) -> Path:
        """Where a fetched model lies."""
        return self.path / model.filename

    def condition(self, model: Model) -> Condition:
        """Say whether a model can be used."""
        path = self.file_of(model)
        if not path.is_file():
            return "absent"
        is_whole = is_exactly(path, model)
        return "installed" if is_whole else "damaged"

    def require(self, model: Model) -> Path:
        """Return the verified file of a model.

        Raises:
            UnavailableError: it is not there.
            ModelError: it is another file.
        """
        mend = f"Run `doorbell models fetch {model.name}`."
        match self.condition(model):
            case "installed":
                return self.file_of(model)
            case "absent":
                msg = f"the model {model.name} is not installed"
                raise UnavailableError(msg, hint=mend)
            case "damaged":
                log_security_event(
                    "model_wrong",
                    f"the model {model.name} is not the file it should be",
                    "high",
                    {"source": "models", "action_taken": "refused"},
                )
                msg = f"{self.file_of(model)} is damaged: its digest is wrong"
                raise ModelError(msg, hint=mend)

    @contextmanager
    def being_changed(self) -> Iterator[None]:
        """Keep other processes from changing the folder; makes it.

        Raises:
            StorageError: it cannot be made or written.
        """
        with told_as_storage_error(str(self.path)):
            self._make()
            descriptor = os.open(
                self.path / _LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(descriptor)

    def _make(self) -> None:
        if self.path.is_dir():
            return
        make_folder(self.path)
        # Models are no secret, and whoever fetches them may not be the doorbell.
        self.path.chmod(0o755)
        if os.geteuid() == 0:
            above = self.path.parent.stat()
            os.chown(self.path, above.st_uid, above.st_gid)


def is_exactly(path: Path, model: Model) -> bool:
    """Whether a file is this model, bit by bit."""
    # The size first: a digest of gigabytes would take minutes on a Pi.
    return path.stat().st_size == model.size and file_digest(path).hex() == model.sha256
