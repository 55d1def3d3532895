"""The command line: `eventtrack COMMAND`.

A thin skin over the store. Start-up time is a promise here (listing experiments takes less than
100 ms, with Python's own start), so each command's module is imported when that command runs, and
rich only when something is drawn on a terminal.
"""

from eventtrack.cli.application import cli, main

__all__ = ["cli", "main"]
