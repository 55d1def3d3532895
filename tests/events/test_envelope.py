"""An envelope is encoded once, read for ever, and shows every change to it."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import ChecksumError, EventtrackError, FormatTooNewError
from eventtrack.events.envelope import (
    CODEC_PLAIN,
    FORMAT_VERSION,
    SALT_BYTES,
    Cause,
    Draft,
    Envelope,
    count_bodies,
    encode_groups,
    leaf_hash,
    seal,
)
from eventtrack.events.reading import MALFORMED, events_of, read
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import Event, MetricLogged, RunDeleted, TagDeleted, TagsSet
from tests.events.strategies import events, of_one_stream, stream_of

REPLICA, SESSION, SALT = b"r" * 16, b"s" * 16, b"salt" * 4
CAUSE = Cause(b"c" * 16, 7, 3)
EVENTS: list[Event] = [TagsSet({"a": "b"}), TagsSet({"c": "d"}), TagDeleted("a"), RunDeleted(5)]


def sealed(draft: Draft, index: int = 4) -> bytes:
    data, _ = seal(
        draft, replica=REPLICA, index=index, recorded=9 << 16, session=SESSION, salt=SALT
    )
    return data


def with_header(data: bytes, *fields: object) -> bytes:
    """The envelope with another header before the same payload."""
    header = msgspec.msgpack.encode(fields)
    return len(header).to_bytes(2, "big") + header + Envelope(data).payload


def header_fields(data: bytes) -> list[object]:
    fields: list[object] = msgspec.msgpack.decode(Envelope(data).header_bytes)
    return fields


@pytest.fixture
def data() -> bytes:
    return sealed(Draft.of("run/1", *EVENTS, cause=CAUSE))


@pytest.mark.parametrize(
    "kind", [entry.struct for entry in REGISTRY], ids=lambda kind: kind.__name__
)
def test_every_event_is_read_as_it_was_written(kind: type[Event]) -> None:
    @given(st.lists(events(kind), min_size=1, max_size=4))
    def law(written: list[Event]) -> None:
        found = events_of(Envelope(sealed(Draft.of(stream_of(kind), *written))))
        assert repr(found) == repr(written)  # NaN is not equal to itself, -0.0 is to 0.0

    law()


@given(of_one_stream)
def test_events_of_all_types_keep_their_order_in_one_envelope(
    recorded: tuple[str, list[Event]],
) -> None:
    stream, written = recorded
    envelope = Envelope(sealed(Draft.of(stream, *written)))
    envelope.verify()
    assert envelope.header.count == len(written)
    assert repr(events_of(envelope)) == repr(written)


def test_a_header_says_what_was_sealed(data: bytes) -> None:
    envelope = Envelope(data, position=12)
    header = envelope.header
    assert (header.format, header.replica, header.index) == (FORMAT_VERSION, REPLICA, 4)
    assert (header.recorded, header.session, header.stream) == (9 << 16, SESSION, "run/1")
    assert (header.count, header.cause, header.codec) == (len(EVENTS), CAUSE, CODEC_PLAIN)
    assert header.payload_length == len(envelope.payload)
    assert header.payload_hash == hashlib.sha256(envelope.payload).digest()
    assert envelope.payload.startswith(SALT)
    assert envelope.position == 12


def test_the_leaf_hash_covers_the_header_as_rfc_6962_says(data: bytes) -> None:
    _, leaf = seal(
        Draft.of("run/1", *EVENTS, cause=CAUSE),
        replica=REPLICA,
        index=4,
        recorded=9 << 16,
        session=SESSION,
        salt=SALT,
    )
    envelope = Envelope(data)
    assert leaf == envelope.leaf_hash == leaf_hash(envelope.header_bytes)
    assert leaf == hashlib.sha256(b"\x00" + envelope.header_bytes).digest()


def test_neighbours_of_one_type_share_a_group(data: bytes) -> None:
    groups = Envelope(data).groups()
    assert [(group.type, group.version) for group in groups] == [
        ("run.tags_set", 1),
        ("run.tag_deleted", 1),
        ("run.deleted", 1),
    ]
    assert [count_bodies(group) for group in groups] == [2, 1, 1]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 4096, 65_535])
def test_a_group_holds_any_number_of_events(count: int) -> None:
    """Each width of msgpack's array header."""
    written = [MetricLogged("loss", 0.5, step, 0) for step in range(count)]
    assert events_of(Envelope(sealed(Draft.of("run/1", *written)))) == written


@pytest.mark.parametrize("count", [15, 16, 17, 300])
def test_a_payload_holds_any_number_of_groups(count: int) -> None:
    written: list[Event] = [
        RunDeleted(place) if place % 2 else TagDeleted(str(place)) for place in range(count)
    ]
    envelope = Envelope(sealed(Draft.of("run/1", *written)))
    assert len(envelope.groups()) == count
    assert events_of(envelope) == written


def test_groups_of_one_type_but_two_versions_stay_apart() -> None:
    body = msgspec.msgpack.encode(["key"])
    encoded = encode_groups([("a", 1, [body]), ("a", 2, [body, body]), ("a", 2, [body])])
    assert msgspec.msgpack.decode(encoded) == [
        ["a", 1, [["key"]]],
        ["a", 2, [["key"]] * 3],
    ]


def test_a_header_with_more_fields_is_read(data: bytes) -> None:
    fields = header_fields(data)
    longer = Envelope(with_header(data, *fields, None, "a later field", {"of": "any kind"}))
    longer.verify()
    assert longer.header == Envelope(data).header
    assert events_of(longer) == EVENTS
    assert longer.header_bytes.endswith(msgspec.msgpack.encode({"of": "any kind"}))
    assert longer.leaf_hash != Envelope(data).leaf_hash


def test_a_cause_with_more_fields_is_read(data: bytes) -> None:
    fields = header_fields(data)
    fields[7] = [*CAUSE_FIELDS, "later"]
    assert Envelope(with_header(data, *fields)).header.cause == CAUSE


CAUSE_FIELDS = (CAUSE.replica, CAUSE.index, CAUSE.offset)


def test_every_flipped_bit_is_found() -> None:
    """In the payload by its hash, in the header by the leaf hash, if it can be read at all."""
    data = sealed(Draft.of("run/1", TagDeleted("key"), cause=CAUSE))
    leaf = Envelope(data).leaf_hash
    for place in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        try:
            envelope = Envelope(bytes(damaged))
            envelope.verify()
        except (ChecksumError, FormatTooNewError):
            continue
        assert envelope.leaf_hash != leaf, f"bit {place}"


@given(st.data())
def test_no_bytes_at_all_raise_anything_but_our_errors(data: st.DataObject) -> None:
    whole = sealed(Draft.of("run/1", *EVENTS))
    cut = data.draw(st.integers(0, len(whole)))
    junk = data.draw(st.binary(max_size=40))
    try:
        envelope = Envelope(whole[:cut] + junk)
        envelope.verify()
    except EventtrackError:
        return
    assert envelope.data == whole or not envelope.payload


@pytest.mark.parametrize("kept", range(8))
def test_an_envelope_cut_short_is_refused(data: bytes, kept: int) -> None:
    with pytest.raises(ChecksumError):
        Envelope(data[:kept])


def test_a_payload_of_another_length_is_refused(data: bytes) -> None:
    fields = header_fields(data)
    fields[9] = 1
    with pytest.raises(ChecksumError, match="not what was written"):
        Envelope(with_header(data, *fields)).verify()


@pytest.mark.parametrize(
    ("field", "value"),
    [(1, b"short"), (1, b""), (2, -1), (3, -1), (4, b"long" * 5), (5, ""), (2, "text")],
)
def test_a_header_that_no_log_could_hold_is_refused(data: bytes, field: int, value: object) -> None:
    fields = header_fields(data)
    fields[field] = value
    with pytest.raises(ChecksumError):
        Envelope(with_header(data, *fields))


def test_an_erased_payload_is_no_damage(data: bytes) -> None:
    bare = Envelope(data[: -len(Envelope(data).payload)])
    bare.verify()
    assert bare.groups() == []
    assert events_of(bare) == []
    assert bare.leaf_hash == Envelope(data).leaf_hash


def test_a_header_from_the_future_is_refused_with_the_way_out(data: bytes) -> None:
    fields = header_fields(data)
    fields[0] = FORMAT_VERSION + 1
    with pytest.raises(FormatTooNewError) as caught:
        Envelope(with_header(data, *fields))
    assert "pip install -U eventtrack" in caught.value.hint


def test_a_body_in_an_unknown_codec_is_verified_and_its_events_are_unknown(data: bytes) -> None:
    """Whoever only forwards it need not know how it is compressed."""
    fields = header_fields(data)
    fields[8] = 2
    envelope = Envelope(with_header(data, *fields))
    envelope.verify()
    assert events_of(envelope) == [None] * envelope.header.count
    assert [part.type for part in read(envelope).parts] == ["codec 2"]


def test_a_body_that_is_no_msgpack_is_malformed() -> None:
    envelope = Envelope(sealed(Draft("run/1", b"\xc1 never used in msgpack", 1)))
    envelope.verify()
    fault = read(envelope).fault
    assert fault is not None
    assert fault.kind == MALFORMED
    assert events_of(envelope) == [None]


def test_unknown_types_and_versions_stand_as_none_among_the_known() -> None:
    known = msgspec.msgpack.encode(TagDeleted("key"))
    later = msgspec.msgpack.encode({"anything": 1})
    body = encode_groups(
        [
            ("run.tag_deleted", 1, [known]),
            ("run.teleported", 1, [later, later]),
            ("run.tag_deleted", 2, [later]),
            ("run.tag_deleted", 1, [known]),
        ]
    )
    found = events_of(Envelope(sealed(Draft("run/1", body, 5))))
    assert found == [TagDeleted("key"), None, None, None, TagDeleted("key")]


def test_the_salt_hides_what_is_guessable() -> None:
    draft = Draft.of("run/1", TagsSet({"secret": "yes"}))
    hashes = {
        Envelope(
            seal(
                draft,
                replica=REPLICA,
                index=0,
                recorded=1,
                session=SESSION,
                salt=bytes((salt,)) * SALT_BYTES,
            )[0]
        ).header.payload_hash
        for salt in range(3)
    }
    assert len(hashes) == 3
