"""The account of a run as one page of HTML: no script, nothing fetched, made to be printed.

Every text of the store is escaped, and characters that are not printable are shown as escapes, so
that nothing on paper looks like something else.
"""

import html
import time
from collections.abc import Iterable, Sequence

from eventtrack.audit.account import Account, Entry, FeedProof, MetricLine, SignatureState
from eventtrack.tags import FORKED_TAG
from eventtrack.views.items import ItemSeries
from eventtrack.views.queries.sessions import Session

_SHOWN_MAX = 400
_WIDTH, _HEIGHT = 150, 24
_STYLE = """
@page { size: A4; margin: 16mm 14mm 18mm;
  @bottom-left { content: "PAGE_NAME"; font: 8pt sans-serif; color: #555; }
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
* { box-sizing: border-box; }
body { font: 10pt/1.4 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #111;
  background: #fff; max-width: 190mm; margin: 10mm auto; padding: 0 4mm; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
h1 { font-size: 18pt; line-height: 1.2; margin: 0 0 2mm; overflow-wrap: anywhere; }
h2 { font-size: 12pt; margin: 8mm 0 2mm; padding-bottom: 1mm; border-bottom: 1.5pt solid #111;
  break-after: avoid; }
p { margin: 0 0 2mm; }
.quiet { color: #555; }
.mono, code { font: 8.5pt/1.35 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: 9pt; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { text-align: left; vertical-align: top; padding: 1.2mm 3mm 1.2mm 0;
  border-bottom: .5pt solid #ccc; overflow-wrap: anywhere; }
th { color: #555; font-weight: 600; border-bottom-color: #777; white-space: nowrap; }
td.num, th.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.when { white-space: nowrap; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 1mm 6mm; margin: 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
.pairs td:first-child { width: 45mm; }
.history { table-layout: fixed; }
.history th:nth-child(1) { width: 38mm; } .history th:nth-child(2) { width: 24mm; }
.history th:nth-child(4) { width: 40mm; } .history th:nth-child(5) { width: 15mm; }
del { color: #777; } ins { text-decoration: none; font-weight: 600; }
q { font-style: italic; }
.stamp { display: inline-block; padding: .3mm 2mm; border: 1pt solid; border-radius: 1mm;
  font-size: 8.5pt; font-weight: 600; white-space: nowrap; }
.good { color: #14622e; } .bad { color: #a11212; }
svg { display: block; } polyline { fill: none; stroke: #222; stroke-width: 1; }
ul { margin: 0; padding-left: 4mm; }
"""


def account_page(account: Account) -> str:
    """The page, as the text of a file."""
    info = account.run.info
    title = f"Account of run {info.run_name or info.run_id}"
    name = _safe(f"Run {info.run_id}, as of position {account.position}").replace("\\", "\\\\")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>",
        # Of the run's id only plain letters can stand here.
        _STYLE.replace("PAGE_NAME", html.escape(name)),
        "</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        _made(account),
        *_identity(account),
        *_signatures(account.signatures),
        *_pairs("Params", account.run.data.params),
        *_metrics(account.metrics),
        *_series(account.series),
        *_inputs(account),
        *_files(account),
        *_pairs("Tags", account.run.data.tags),
        *_history(account),
        *_authors(account.authors),
        *_proofs(account),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _made(account: Account) -> str:
    return (
        f'<p class="quiet">Made {_when(account.made_ms)} by eventtrack {_text(account.version)} '
        f"from the log of replica <code>{_text(account.replica)}</code> as it was here at position "
        f"{account.position}. All times are UTC.</p>"
    )


def _identity(account: Account) -> Iterable[str]:
    info = account.run.info
    ended = "not ended" if info.end_time is None else _when(info.end_time)
    rows = [
        ("Run", f'<span class="mono">{_text(info.run_id)}</span>'),
        ("Experiment", f"{_text(account.experiment)} <code>{_text(info.experiment_id)}</code>"),
        ("State", f"{_text(info.status)}, {_text(info.lifecycle_stage)}"),
        ("User", _text(info.user_id or "not said")),
        ("Started", _when(info.start_time)),
        ("Ended", ended),
        *_sources(account),
        ("Digest of this state", f'<span class="mono">{_text(account.digest)}</span>'),
    ]
    yield "<h2>What it is</h2><dl>"
    yield from (f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    yield "</dl>"


def _sources(account: Account) -> Iterable[tuple[str, str]]:
    """The runs whose points count for this run, too."""
    parent, _, step = account.run.data.tags.get(FORKED_TAG, "").partition("@")
    if parent:
        at = f" at step {_text(step)}" if step else ""
        yield "Forked from", f'<span class="mono">{_text(parent)}</span>{at}'
    for run_id in account.merged:
        yield "Merged in", f'<span class="mono">{_text(run_id)}</span>'


def _signatures(states: Sequence[SignatureState]) -> Iterable[str]:
    yield "<h2>Signatures</h2>"
    if not states:
        yield "<p>Nobody has signed this run.</p>"
        return
    rows = []
    for state in states:
        signed = state.signature
        stamp = '<span class="stamp good">holds</span>'
        if not signed.holds:
            facts = ", ".join(state.changed) or "a series, or an event that came later"
            stamp = f'<span class="stamp bad">changed since</span><br>{_text(facts)}'
        rows.append(
            (
                _text(signed.meaning),
                _text(signed.by),
                _when(signed.signed_ms),
                f"<q>{_text(signed.reason)}</q>",
                f'{stamp}<br><span class="mono">{_text(signed.digest[:16])}…</span>',
            )
        )
    yield _table(("Meaning", "By", "When", "Why", "State signed"), rows)


def _pairs(title: str, pairs: dict[str, str]) -> Iterable[str]:
    if pairs:
        rows = [(_text(key), _text(pairs[key])) for key in sorted(pairs)]
        yield f"<h2>{title}</h2>"
        yield _table(("Name", "Value"), rows, "pairs")


def _metrics(lines: Sequence[MetricLine]) -> Iterable[str]:
    if lines:
        yield "<h2>Metrics</h2>"
        heads = ("Name", "Course", "#Last", "#At step", "#Least", "#Greatest", "#Points")
        yield _table(
            heads,
            [
                (
                    _text(line.key),
                    _course(line.course),
                    _number(line.last),
                    f"{line.step}",
                    _number(line.least),
                    _number(line.greatest),
                    f"{line.points:,}",
                )
                for line in lines
            ],
        )


def _series(lines: Sequence[ItemSeries]) -> Iterable[str]:
    if lines:
        rows = [
            (_text(it.key), it.kind, f"{it.count:,}", f"{it.step}", _when(it.timestamp))
            for it in lines
        ]
        yield "<h2>Text, histograms and media</h2>"
        yield _table(("Name", "Kind", "#Items", "#Greatest step", "Latest"), rows)


def _inputs(account: Account) -> Iterable[str]:
    run = account.run
    rows = [
        ("dataset read", _text(each.dataset.name), _text(each.dataset.digest))
        for each in run.inputs.dataset_inputs
    ]
    rows += [("model read", _text(each.model_id), "") for each in run.inputs.model_inputs]
    rows += [
        ("model made", _text(each.model_id), f"at step {each.step}")
        for each in run.outputs.model_outputs
    ]
    if rows:
        yield "<h2>What it read and made</h2>"
        yield _table(("Kind", "Name", "Digest"), rows)


def _files(account: Account) -> Iterable[str]:
    if account.files:
        yield "<h2>Files</h2>"
        yield _table(
            ("Path", "#Bytes", "SHA-256"),
            [
                (_text(file.path), f"{file.size:,}", f'<span class="mono">{file.sha256}</span>')
                for file in account.files
            ],
        )


def _history(account: Account) -> Iterable[str]:
    users = {author.session_id: author for author in account.authors}
    yield "<h2>History: who, when, what, why</h2>"
    yield (
        '<p class="quiet">Every event of this run in the order in which it came to this log. '
        "Nothing is overwritten: a corrected value stands beside the value before it.</p>"
    )
    if account.left_out:
        yield (
            f"<p>The first {account.left_out:,} events are left out here; "
            "<code>eventtrack blame RUN --json</code> has all.</p>"
        )
    yield _table(
        ("When", "Who", "What", "Why", "Event"),
        [_history_row(entry, users.get(entry.session)) for entry in account.entries],
        "history",
    )


def _history_row(entry: Entry, author: Session | None) -> tuple[str, ...]:
    who = "unknown" if author is None else f"{author.user}@{author.host}"
    arrived = "" if entry.arrived_ms is None else f"<br>arrived {_when(entry.arrived_ms)}"
    kind = entry.type.removeprefix("run.").replace("_", " ").replace(".", " ")
    what = [f"<strong>{_text(kind)}</strong>"]
    if entry.points:
        names = ", ".join(f"{count:,} of {key}" for key, count in sorted(entry.points.items()))
        what.append(f"<br>{_text(names)}")
    if entry.facts:
        lines = (_fact(change.fact, change.before, change.after) for change in entry.facts)
        what.append(f"<ul>{''.join(lines)}</ul>")
    return (
        f"{_when(entry.recorded_ms)}{arrived}",
        _text(who),
        "".join(what),
        f"<q>{_text(entry.reason)}</q>" if entry.reason else "",
        f"<code>{_text(entry.address)}</code>",
    )


def _fact(name: str, before: str | None, after: str | None) -> str:
    old = "" if before is None or before == after else f"<del>{_short(name, before)}</del> → "
    new = "removed" if after is None else f"<ins>{_short(name, after)}</ins>"
    return f"<li>{_text(name)}: {old}{new}</li>"


def _authors(authors: Sequence[Session]) -> Iterable[str]:
    yield "<h2>Programs that wrote</h2>"
    yield _table(
        ("Who", "Program", "Commit", "From", "Since"),
        [
            (
                _text(f"{author.user}@{author.host}, process {author.pid}"),
                f'<span class="mono">{_text(author.program)}</span>',
                f"<code>{_text((author.git_commit or '')[:12])}</code>",
                _text(f"{author.source}, eventtrack {author.version}"),
                _when(author.opened_ms),
            )
            for author in authors
        ],
    )


def _proofs(account: Account) -> Iterable[str]:
    yield "<h2>Proofs</h2>"
    yield from map(_proof, account.feeds)
    run_id = _text(account.run.info.run_id)
    yield (
        "<p>A signed head fixes every event of a feed up to its size: none can be changed, taken "
        "out or slipped in without notice by anybody but the holder of its key, and not by the "
        "holder either once somebody else has kept the head. It does not prove that what a program "
        "said is true, nor that its clock was right. To check the events without this store:</p>"
        f"<p><code>eventtrack audit prove {run_id} -o run.tlog-proof</code><br>"
        "<code>eventtrack audit verify run.tlog-proof --key KEY</code></p>"
        '<p class="quiet">This page is a copy for reading. The log is the record.</p>'
    )


def _proof(feed: FeedProof) -> str:
    whole = not feed.problem and feed.proved == feed.envelopes
    stamp = (
        f'<span class="stamp good">{feed.proved:,} of {feed.envelopes:,} envelopes proved</span>'
        if whole
        else '<span class="stamp bad">not proved</span>'
    )
    rows = [
        ("Feed", f"<code>{_text(feed.replica)}</code>{' (this store)' if feed.own else ''}"),
        ("Envelopes of this run", f"{feed.envelopes:,}; contents erased: {feed.erased:,}"),
        ("Checked when this was made", stamp),
    ]
    if feed.problem:
        rows.append(("Why not", _text(feed.problem)))
    if feed.root:
        rows.append(("Signed head", f"{feed.size:,} envelopes, root <code>{feed.root}</code>"))
        rows.append(("Signatures of the head", f"{feed.signatures} (the feed's key, witnesses)"))
    rows += [("Public key", f"<code>{_text(key)}</code>") for key in feed.keys]
    lines = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f"<dl>{lines}</dl><p></p>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "plain") -> str:
    """A table; a head that begins with # is of numbers, the head `When` of times."""
    classes = [
        ' class="num"' if head[0] == "#" else ' class="when"' if head == "When" else ""
        for head in heads
    ]
    lines = [f'<table class="{kind}"><thead><tr>']
    for head, column in zip(heads, classes, strict=True):
        lines.append(f"<th{column}>{head.lstrip('#')}</th>")
    lines.append("</tr></thead><tbody>")
    for row in rows:
        cells = zip(row, classes, strict=True)
        lines.append(f"<tr>{''.join(f'<td{column}>{cell}</td>' for cell, column in cells)}</tr>")
    lines.append("</tbody></table>")
    return "\n".join(lines)


def _course(values: Sequence[float]) -> str:
    """A small picture of values in order; nothing for fewer than two."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    step = _WIDTH / (len(values) - 1)
    # Halves: the difference of two huge values is infinite. Half of the least value is 0.
    spread = high / 2 - low / 2
    places = ((value / 2 - low / 2) / spread if spread else 0.5 for value in values)
    drawn = " ".join(
        f"{at * step:.1f},{_HEIGHT - 2 - place * (_HEIGHT - 4):.1f}"
        for at, place in enumerate(places)
    )
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="course"><polyline points="{drawn}"/></svg>'
    )


def _when(at_ms: int) -> str:
    """A time as UTC, to the second; a number that is no time as it is."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_ms / 1000))
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _short(fact: str, text: str) -> str:
    if fact.endswith("_time") and text.lstrip("-").isdecimal():
        return _when(int(text))
    return _text(text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…")


def _text(text: str) -> str:
    """A text of the store, for a page."""
    return html.escape(_safe(text))


def _safe(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else f"\\u{ord(letter):04x}"
        for letter in text
    )
