"""Reading files of runs, by run and path or by URI."""

from eventtrack.fluent.artifacts import (
    download_artifacts,
    list_artifacts,
    load_dict,
    load_image,
    load_text,
)

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_image", "load_text"]
