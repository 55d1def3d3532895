"""The numbers that an event may hold: checked as bodies are decoded, in C (docs/format.md, 5)."""

from typing import Annotated

import msgspec

from eventtrack.limits import INT64_MAX, INT64_MIN

# Steps, and times in milliseconds since 1970 as callers claim them.
Int64 = Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)]
# Sizes in bytes, and counts.
Natural = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
# Nanoseconds since 1970: 64 bits without a sign, as programs report spans.
Nanoseconds = Annotated[int, msgspec.Meta(ge=0)]
# Numbers of versions, with room behind the greatest for versions that have to yield.
VersionNumber = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
