"""The command line: `eventtrack COMMAND`.

A thin layer over the store. Start-up time is a promise here: listing experiments takes less than
100 ms, including Python's own start. So each command's module is imported when that command runs,
and rich only when something is drawn on a terminal.
"""

from eventtrack.cli.application import cli, main

__all__ = ["cli", "main"]
