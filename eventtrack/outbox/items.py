"""Text, histograms and media of a server's runs: none yet."""

from typing import NoReturn

from eventtrack.errors import UsageError


class RemoteItems:
    """Refuses series of text, histograms and media: no request carries them to a server."""

    def sink(self, run_id: str) -> NoReturn:
        """Refuse to log."""
        raise UsageError(
            f"the run {run_id} is on a server, which takes metrics and files, but no such series",
            hint="log to a folder and sync it with the server, or log files: log_artifact()",
        )

    def log_medium(self, run_id: str, *_: object, **__: object) -> NoReturn:
        """Refuse to log, as `sink` does."""
        self.sink(run_id)

    def read(self, run_id: str, *_: object) -> NoReturn:
        """Refuse to read, as `sink` does."""
        self.sink(run_id)
