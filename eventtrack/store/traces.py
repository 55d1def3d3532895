"""Traces: records them whole and span by span, tags, links, finds and deletes them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import traces as types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.log.filesystem import translate_os_error
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_tables import find_trace
from eventtrack.store.assessments import Assessments, assessment_event
from eventtrack.store.blobs import Blobs
from eventtrack.store.context import StoreContext
from eventtrack.store.trace_artifacts import TraceArtifacts
from eventtrack.store.trace_checks import (
    not_linked,
    refuse_deleted,
    report_event,
    span_event,
    span_portions,
    trace_id_of,
)
from eventtrack.views.queries.experiments import active_experiment, existing_experiment
from eventtrack.views.queries.runs import existing_run
from eventtrack.views.queries.traces import TraceQueries
from eventtrack.views.traces.lookup import existing_trace, oldest_traces, shown_traces
from eventtrack.views.traces.records import (
    Assessment,
    Span,
    TraceInfo,
    TraceStatus,
)


class KeptSpans(NamedTuple):
    """Spans that are checked and still to be recorded; the large ones lie in blobs already."""

    experiment_id: str
    by_trace: dict[str, list[types.SpanLogged]]


class Traces(TraceQueries):
    """The traces of a store. `artifacts` has their files, `metrics` figures about them."""

    assessments: Assessments
    artifacts: TraceArtifacts

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._engine = context.engine
        self._blobs = Blobs(context.engine)
        self.assessments = Assessments(context)
        self.artifacts = TraceArtifacts(context)

    def record(
        self,
        trace_id: str,
        experiment_id: str,
        *,
        request_time: int,
        execution_duration: int | None = None,
        state: str = TraceStatus.OK,
        client_request_id: str | None = None,
        request_preview: str | None = None,
        response_preview: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        assessments: Sequence[Assessment] = (),
    ) -> TraceInfo:
        """Report a trace as a whole, usually when it ends. A later report replaces an earlier one.

        Spans may come before or after the report. Tags and metadata add to those of the trace.

        Args:
            request_time: Milliseconds since 1970.
            execution_duration: Milliseconds; None while the trace is in progress.

        Raises:
            InvalidValueError: The experiment is deleted, or a text is too long.
            NotFoundError: There is no such experiment, or the trace was deleted.
        """
        report = report_event(
            types.TraceRecorded(
                str(experiment_id),
                request_time,
                execution_duration,
                state,
                client_request_id,
                request_preview,
                response_preview,
                dict(metadata or {}),
                dict(tags or {}),
            )
        )
        clean_id = trace_id_of(trace_id)
        judged = [assessment_event(assessment, self._engine) for assessment in assessments]

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            active_experiment(reader, report.experiment_id)
            refuse_deleted(find_trace(reader, clean_id), clean_id)
            return None, [_draft(clean_id, report, *judged)]

        self._engine.execute(decide)
        return self.get(clean_id)

    def log_spans(
        self,
        experiment_id: str,
        spans: Sequence[Span],
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
        run_id: str | None = None,
    ) -> None:
        """Log spans, all of them or none. They replace spans with the same ids.

        Args:
            experiment_id: The experiment of traces that have not been reported yet.
            tags: Tags to set with the spans, by trace id.
            run_id: A run to which the traces belong; an unknown run is left out.
        """
        self.record_spans(self.keep_spans(experiment_id, spans), tags=tags, run_id=run_id)

    def keep_spans(self, experiment_id: str, spans: Sequence[Span]) -> KeptSpans:
        """The slow half of `log_spans`: check spans, and store large bodies as blobs, durably."""
        by_trace: dict[str, list[types.SpanLogged]] = {}
        try:
            for span in spans:
                event = span_event(span, self._blobs)
                by_trace.setdefault(trace_id_of(span.trace_id), []).append(event)
        except OSError as error:
            raise translate_os_error(error, "store spans") from error
        return KeptSpans(validate.text("experiment id", str(experiment_id)), by_trace)

    def record_spans(
        self,
        kept: KeptSpans,
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
        run_id: str | None = None,
    ) -> None:
        """The other half of `log_spans`: one decision and one commit."""

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            drafts: list[Draft] = []
            run = None if run_id is None else reader.run(run_id)
            linked = [] if run is None or not run.experiment_id else [run.run_id]
            for trace_id, spans in kept.by_trace.items():
                state = find_trace(reader, trace_id)
                refuse_deleted(state, trace_id)
                if state is None or not state.experiment_id:
                    existing_experiment(reader, kept.experiment_id)
                known = {} if state is None else state.live_tags()
                wanted = (tags or {}).get(trace_id, {})
                new = {key: text for key, text in wanted.items() if known.get(key) != text}
                also: list[Event] = [types.TraceTagsSet(new)] if new else []
                also += [types.TraceRunsLinked(linked)] if linked else []
                for part in span_portions(spans):
                    drafts.append(
                        _draft(trace_id, types.SpansLogged(kept.experiment_id, part), *also)
                    )
                    also = []
            return None, drafts

        if kept.by_trace:
            self._engine.execute(decide)

    def set_tag(self, trace_id: str, key: str, value: object) -> None:
        """Set a tag.

        Raises:
            NotFoundError: There is no such trace.
        """
        clean = {validate.tag_key(key): validate.tag_value(key, value)}

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            known = existing_trace(reader, trace_id).live_tags()
            if known.get(key) == clean[key]:
                return None, []
            return None, [_draft(trace_id, types.TraceTagsSet(clean))]

        self._engine.execute(decide)

    def delete_tag(self, trace_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            NotFoundError: There is no such trace, or it has no such tag.
        """

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            if key not in existing_trace(reader, trace_id).live_tags():
                raise NotFoundError(
                    f"No trace tag with key '{key}' for trace with ID '{trace_id}'",
                    hint="the trace's `tags` lists them",
                )
            return None, [_draft(trace_id, types.TraceTagDeleted(key))]

        self._engine.execute(decide)

    def link_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Link traces to a run. A trace may come later than its link.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: There are more traces than `TRACE_LINKS_MAX`.
        """
        if len(trace_ids) > limits.TRACE_LINKS_MAX:
            raise InvalidValueError(
                f"Cannot link more than {limits.TRACE_LINKS_MAX} traces to a run in a single "
                f"request. Provided {len(trace_ids)} traces.",
                hint="link them in several calls",
            )

        ids = [trace_id_of(trace_id) for trace_id in dict.fromkeys(trace_ids)]

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            existing_run(reader, run_id)
            event = types.TraceRunsLinked([run_id])
            return None, [
                _draft(trace_id, event)
                for trace_id in ids
                if not_linked(find_trace(reader, trace_id), run_id)
            ]

        self._engine.execute(decide)

    def unlink_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Take back links to a run. A run that a trace's metadata names stays linked."""

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            event = types.TraceRunsUnlinked([run_id])
            return None, [
                _draft(state.trace_id, event)
                for state in shown_traces(reader, trace_ids, None)
                if state.runs.get(run_id, (False,))[0]
            ]

        self._engine.execute(decide)

    def link_prompts(self, trace_id: str, prompts: Sequence[tuple[str, str]]) -> None:
        """Record the prompts, as (name, version), that a trace used.

        Raises:
            NotFoundError: There is no such trace.
        """
        named = [validate.text("prompt", f"{name}/{version}") for name, version in prompts]

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            known = existing_trace(reader, trace_id).prompts
            new = [prompt for prompt in dict.fromkeys(named) if prompt not in known]
            return None, [_draft(trace_id, types.TracePromptsLinked(new))] if new else []

        self._engine.execute(decide)

    def delete(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] | None = None,
        max_timestamp_millis: int | None = None,
        max_traces: int | None = None,
    ) -> int:
        """Delete traces of an experiment, by ids or the oldest ones. Their record stays.

        Args:
            max_timestamp_millis: Delete traces that began at this time or before.
            max_traces: The most traces to delete, the oldest first.

        Returns:
            The number of deleted traces.
        """

        def decide(reader: Reader) -> tuple[int, list[Draft]]:
            event = types.TraceDeleted(self._engine.clock.now_ms())
            if trace_ids is not None:
                known = list(shown_traces(reader, trace_ids, [experiment_id]))
            else:
                known = oldest_traces(reader, experiment_id, max_timestamp_millis)[:max_traces]
            return len(known), [_draft(state.trace_id, event) for state in known]

        return self._engine.execute(decide)


def _draft(trace_id: str, *events: Event) -> Draft:
    return Draft.of(f"trace/{trace_id}", *events)
