"""What a program's user is told while it goes on: by the logger `eventtrack`, so on standard error.

Whoever sets up logging decides where it goes; nobody has to catch it.
"""


def tell(message: str, *arguments: object) -> None:
    """Say something that needs no action now, or whose hint says what to do."""
    import logging

    logging.getLogger("eventtrack").warning("eventtrack: %s", message % arguments)
