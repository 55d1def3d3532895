"""Notices for the user of a running program, from the logger `eventtrack`.

They go to standard error, unless the program's own setup of logging sends them elsewhere. Nobody
has to catch them.
"""


def tell(message: str, *arguments: object) -> None:
    """Show a message that needs no action now, or that says what to do."""
    import logging

    logging.getLogger("eventtrack").warning("eventtrack: %s", message % arguments)
