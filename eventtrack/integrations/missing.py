"""The error for a framework that is not installed."""


def missing(package: str, error: ImportError) -> ImportError:
    """The error to raise where the import of a framework failed: it names what to install.

    An installed framework that cannot be imported for a reason of its own keeps its own message.

    Args:
        package: The name under which the framework is installed.
        error: The error of the failed import.
    """
    return ImportError(
        f"this integration of eventtrack needs {package}, which cannot be imported: {error}\n"
        f"hint: run `pip install {package}`",
        name=error.name,
    )
