"""The origin of a new run as MLflow tags: user, program and git commit."""

import sys
from collections.abc import Mapping
from pathlib import Path

from eventtrack.errors import InvalidValueError
from eventtrack.store.session import current_user, git_commit
from eventtrack.tags import GIT_COMMIT_TAG, NOTE_TAG, SOURCE_NAME_TAG, SOURCE_TYPE_TAG, USER_TAG


def source_tags() -> dict[str, str]:
    """The tags for every run that this program starts, unless the caller sets them."""
    program = sys.argv[0] if getattr(sys, "argv", None) and sys.argv[0] else "<console>"
    tags = {USER_TAG: current_user(), SOURCE_NAME_TAG: program, SOURCE_TYPE_TAG: "LOCAL"}
    start = Path(program).parent if Path(program).is_file() else Path()
    commit = git_commit(start)
    if commit is not None:
        tags[GIT_COMMIT_TAG] = commit
    return tags


def user_tags(tags: Mapping[str, object] | None, description: str | None) -> dict[str, str]:
    """The caller's tags as text, with `description` as the note.

    Raises:
        InvalidValueError: `tags` is no mapping, or has a note although `description` is given.
    """
    if tags is not None and not isinstance(tags, Mapping):
        raise InvalidValueError(
            f"Invalid tags: {tags!r} of type {type(tags).__name__}. Must be a dictionary or None.",
            hint='pass tags={"key": "value"}',
        )
    texts = {key: str(value) for key, value in (tags or {}).items()}
    if description:
        if NOTE_TAG in texts:
            raise InvalidValueError(
                f"Description is already set via the tag {NOTE_TAG} in tags.",
                hint=f"remove the key {NOTE_TAG} from the tags, or omit the description",
            )
        texts[NOTE_TAG] = str(description)
    return texts
