"""Text, histograms and media of a server's runs: none yet."""

from typing import NoReturn

from eventtrack.errors import UsageError


class RemoteItems:
    """Refuses series of text, histograms and media: no request carries them to a server."""

    def sink(self, run_id: str) -> NoReturn:
        """Refuse to log."""
        raise UsageError(
            f"cannot log text to the run {run_id}: its server takes metrics and files only",
            hint="log to a folder, and sync it with the server; or log a file: log_text()",
        )

    def read(self, run_id: str, *_: object) -> NoReturn:
        """Refuse to read, as `sink` does."""
        self.sink(run_id)
