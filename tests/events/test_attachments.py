"""Blobs are found in the events that name them, whatever their types."""

import typing
from collections.abc import Iterator

import msgspec
import pytest

from eventtrack.events import traces, types
from eventtrack.events.attachments import blobs_named
from eventtrack.events.envelope import CODEC_ZSTD, Draft, Envelope, encode_groups, seal
from eventtrack.events.registry import REGISTRY, EventType

FIRST, SECOND = b"1" * 32, b"2" * 32


def sealed(draft: Draft) -> Envelope:
    names = bytes(16)
    return Envelope(seal(draft, replica=names, index=0, recorded=0, session=names, salt=names)[0])


def span(sha256: bytes, body: bytes | None) -> traces.SpanLogged:
    return traces.SpanLogged("s", None, "n", "", "OK", 1, 2, 9, sha256, body, {})


def parts_of(entry: EventType) -> Iterator[type[msgspec.Struct]]:
    """The structs within an event's struct."""
    for field in msgspec.structs.fields(entry.struct):
        for part in (field.type, *typing.get_args(field.type)):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield part


def test_files_and_spans_name_their_blobs() -> None:
    files = [types.ArtifactStored("a", 1, FIRST), types.ArtifactStored("b", 1, SECOND, "s3://b")]
    assert blobs_named(sealed(Draft.of("run/1", types.ArtifactsLogged(files)))) == [FIRST]
    spans = [span(FIRST, b"{}"), span(SECOND, None)]
    assert blobs_named(sealed(Draft.of("trace/1", traces.SpansLogged("1", spans)))) == [SECOND]


def test_files_of_a_compressed_body_are_named_too() -> None:
    names = [f"{place * place % 997} and {place}.txt" for place in range(60)]
    files = [types.ArtifactStored(name, 1, FIRST) for name in names]
    envelope = sealed(
        Draft.of("run/1", types.TagsSet(dict.fromkeys(names, "")), types.ArtifactsLogged(files))
    )
    assert (envelope.header.codec, b"run.artifacts_logged" in envelope.data) == (CODEC_ZSTD, False)
    assert set(blobs_named(envelope)) == {FIRST}


@pytest.mark.parametrize("digest", [b"", b"short", b"long" * 20])
def test_what_is_no_hash_names_no_blob(digest: bytes) -> None:
    files = [types.ArtifactStored("a", 1, digest), types.ArtifactStored("b", 1, FIRST)]
    assert blobs_named(sealed(Draft.of("run/1", types.ArtifactsLogged(files)))) == [FIRST]


def test_other_events_and_unknown_ones_name_none() -> None:
    assert blobs_named(sealed(Draft.of("run/1", types.TagsSet({"a": "b"})))) == []
    unknown = Draft("run/1", encode_groups([("run.teleported", 1, [b"\x90"])]), 1)
    assert blobs_named(sealed(unknown)) == []


@pytest.mark.parametrize("entry", list(REGISTRY), ids=lambda entry: entry.name)
def test_whatever_has_a_hash_says_whether_it_is_a_blobs(entry: EventType) -> None:
    """A new type with files comes with them to other machines, or this fails."""
    for part in parts_of(entry):
        if "sha256" in part.__struct_fields__:
            assert hasattr(part, "blob"), part
