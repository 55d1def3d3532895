"""The numbers and bounded texts of events, which decoding checks (docs/format.md, section 5)."""

from typing import Annotated

import msgspec

from eventtrack.limits import (
    INT64_MAX,
    INT64_MIN,
    MEANING_LENGTH_MAX,
    REASON_LENGTH_MAX,
    SIGNER_LENGTH_MAX,
    VIEW_LENGTH_MAX,
    VIEW_NAME_LENGTH_MAX,
)

# Steps, and claimed times in milliseconds since 1970.
Int64 = Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)]
# Sizes in bytes, and counts.
Natural = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
# Nanoseconds since 1970, as programs report spans: not negative.
Nanoseconds = Annotated[int, msgspec.Meta(ge=0)]
# Numbers of versions. The bound leaves room above it for versions that have to yield.
VersionNumber = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
# What a signature means, and who signs.
Meaning = Annotated[str, msgspec.Meta(min_length=1, max_length=MEANING_LENGTH_MAX)]
Signer = Annotated[str, msgspec.Meta(min_length=1, max_length=SIGNER_LENGTH_MAX)]
# The name of a token, which the log and tables show as the author.
AUTHOR_NAME = r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}"
TokenName = Annotated[str, msgspec.Meta(pattern=rf"\A{AUTHOR_NAME}\Z")]
Sha256 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
# Names a call that came from another store.
Mark = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
# The name of a saved view, and what it holds.
ViewName = Annotated[str, msgspec.Meta(min_length=1, max_length=VIEW_NAME_LENGTH_MAX)]
ViewText = Annotated[str, msgspec.Meta(max_length=VIEW_LENGTH_MAX)]
# The reason for a change.
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH_MAX)]
