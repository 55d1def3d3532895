"""Brings text, histograms and media of a run to a server: only what the server lacks."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from eventtrack.events.items import Histogram, Medium, Text
from eventtrack.outbox.item_parts import deliver
from eventtrack.rest import TrackingServer
from eventtrack.store import Store
from eventtrack.store.intake.items import Row, item_events
from eventtrack.store.receiving import sent
from eventtrack.transfer.report import Report
from eventtrack.views.items import HistogramItem, Item, ItemSeries, MediaItem, TextItem


def bring_series(
    store: Store, server: TrackingServer, ours: str, theirs: str, report: Report
) -> None:
    """Bring the items that count of a run to a run of a server of eventtrack's.

    Items are compared as often as they are there, so repeating it adds nothing.
    """
    series, blobs = store.items.list(ours), store.artifacts.blobs
    known = {(it.kind, it.key): it.count for it in server.list_series(theirs)} if series else {}
    for each in series:
        there: Counter[bytes] = Counter()
        if (each.kind, each.key) in known:
            there.update(map(msgspec.json.encode, _theirs(server, theirs, each)))
        rows: list[Row] = []
        for item in store.items.read(ours, each.key, each.kind):
            name = msgspec.json.encode(item)
            if there[name]:
                there[name] -= 1
            elif isinstance(item, MediaItem) and not blobs.holds(bytes.fromhex(item.sha256)):
                place = f"{each.key} at step {item.step} of run {ours}"
                report.missing(place, "its bytes are not here: sync, or they were erased")
            else:
                rows.append((item.step, item.timestamp, _value(item)))
        for event in item_events(each.key, rows):
            deliver(server, blobs, theirs, [sent(event, b"")])
            report.taken.items += len(event.items)


def _theirs(server: TrackingServer, run_id: str, series: ItemSeries) -> Iterator[Item]:
    start = 0
    while items := server.items(run_id, series.key, series.kind, start).items:
        yield from items
        start += len(items)


def _value(item: Item) -> Text | Histogram | Medium:
    if isinstance(item, TextItem):
        return Text(item.text, item.source)
    if isinstance(item, HistogramItem):
        return Histogram(item.edges, item.counts)
    digest = bytes.fromhex(item.sha256)
    return Medium(item.media_type, item.size, digest, item.name, item.caption)
