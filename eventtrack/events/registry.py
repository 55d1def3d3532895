"""The registry of event types: their names, the struct of each, and upcasters for old versions.

Names on disk are plain strings, never Python paths, so code can be renamed and history stays
readable. An older version is decoded as plain values, and its upcasters lift it one version at a
time; the stored bytes stay as they are.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import msgspec

from eventtrack.events import (
    access,
    datasets,
    histories,
    items,
    registered,
    scorers,
    studies,
    traces,
    types,
)
from eventtrack.events.signatures import RunSigned

Upcaster = Callable[[list[Any]], list[Any]]


class EventType:
    """One registered type: its name on disk, newest version, struct and decoders."""

    def __init__(self, name: str, struct: type[types.Event], version: int = 1) -> None:
        self.name = name
        self.noun = name.partition(".")[0]
        self.struct = struct
        self.version = version
        self.upcasters: dict[int, Upcaster] = {}
        self._flaw_of: Callable[[list[types.Event]], str | None] | None
        self._flaw_of = getattr(struct, "flaw_of", None)

    @cached_property
    def _decode(self) -> Callable[[msgspec.Raw | bytes], list[types.Event]]:
        """Decodes bodies of the newest version. Most programs meet few of the types."""
        return msgspec.msgpack.Decoder(list[self.struct]).decode  # type: ignore[name-defined]

    def decode_many(self, version: int, bodies: msgspec.Raw | bytes) -> list[types.Event] | None:
        """Decode a msgpack array of bodies of `version`; None for a version that is not known.

        Raises:
            DecodeError: msgspec's own: the bodies break a promise of the type.
        """
        if version == self.version:
            events = self._decode(bodies)
        elif 1 <= version < self.version:
            plain: list[Any] = msgspec.msgpack.decode(bodies)
            events = [self._lifted(version, body) for body in plain]
        else:
            return None
        flaw = None if self._flaw_of is None else self._flaw_of(events)
        if flaw is not None:
            raise msgspec.ValidationError(flaw)
        return events

    def _lifted(self, version: int, body: Any) -> types.Event:
        try:
            return msgspec.convert(self._lift(version, body), self.struct)
        except (TypeError, ValueError, LookupError) as error:
            # An upcaster got a body that its version never had.
            raise msgspec.ValidationError(str(error)) from error

    def _lift(self, version: int, body: list[Any]) -> list[Any]:
        for step in range(version, self.version):
            body = self.upcasters[step](body)
        return body


class Registry:
    """The known event types, by name and by struct."""

    def __init__(self) -> None:
        self._by_name: dict[str, EventType] = {}
        self._by_struct: dict[type[types.Event], EventType] = {}

    def add(
        self,
        name: str,
        struct: type[types.Event],
        *,
        version: int = 1,
        upcasters: dict[int, Upcaster] | None = None,
    ) -> None:
        """Register a type. `upcasters[n]` turns a body of version n into one of n + 1."""
        entry = EventType(name, struct, version)
        entry.upcasters.update(upcasters or {})
        missing = set(range(1, version)) - set(entry.upcasters)
        if name in self._by_name or struct in self._by_struct or missing:
            raise ValueError(f"event type {name}: registered twice, or no upcaster for {missing}")
        self._by_name[name] = entry
        self._by_struct[struct] = entry

    def find(self, name: str) -> EventType | None:
        """The type of that name; None if this eventtrack does not know it."""
        return self._by_name.get(name)

    def of(self, event: types.Event) -> EventType:
        """The type under which an event is written."""
        return self._by_struct[type(event)]

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._by_name.values())


REGISTRY = Registry()
_TYPES: dict[str, type[types.Event]] = {
    "session.opened": types.SessionOpened,
    "replica.key_announced": types.KeyAnnounced,
    "replica.head_sealed": types.HeadSealed,
    "replica.head_witnessed": types.HeadWitnessed,
    "payloads.redacted": types.PayloadsRedacted,
    "events.explained": types.Explained,
    "events.received": items.CallsReceived,
    "experiment.created": types.ExperimentCreated,
    "experiment.renamed": types.ExperimentRenamed,
    "experiment.deleted": types.ExperimentDeleted,
    "experiment.restored": types.ExperimentRestored,
    "experiment.tags_set": types.ExperimentTagsSet,
    "experiment.tag_deleted": types.ExperimentTagDeleted,
    "experiment.view_saved": types.ExperimentViewSaved,
    "experiment.view_deleted": types.ExperimentViewDeleted,
    "run.started": types.RunStarted,
    "run.updated": types.RunUpdated,
    "run.moved": types.RunMoved,
    "run.signed": RunSigned,
    "run.deleted": types.RunDeleted,
    "run.restored": types.RunRestored,
    "run.params_logged": types.ParamsLogged,
    "run.params_withdrawn": types.ParamsWithdrawn,
    "run.params_corrected": types.ParamsCorrected,
    "run.tags_set": types.TagsSet,
    "run.tag_deleted": types.TagDeleted,
    "run.metric_logged": types.MetricLogged,
    "run.metrics_logged": types.MetricsLogged,
    "run.text_logged": items.TextLogged,
    "run.media_logged": items.MediaLogged,
    "run.points_withdrawn": histories.PointsWithdrawn,
    "run.points_restored": histories.PointsRestored,
    "run.history_shared": histories.HistoryShared,
    "run.forked": histories.RunForked,
    "run.merged": histories.RunMerged,
    "run.unmerged": histories.RunUnmerged,
    "run.inputs_logged": types.InputsLogged,
    "run.outputs_logged": types.OutputsLogged,
    "run.artifacts_logged": types.ArtifactsLogged,
    "run.artifacts_deleted": types.ArtifactsDeleted,
    "model.created": types.ModelCreated,
    "model.finalized": types.ModelFinalized,
    "model.params_logged": types.ModelParamsLogged,
    "model.tags_set": types.ModelTagsSet,
    "model.tag_deleted": types.ModelTagDeleted,
    "model.metrics_logged": types.ModelMetricsLogged,
    "model.deleted": types.ModelDeleted,
    "model.restored": types.ModelRestored,
    "model.artifacts_logged": types.ModelArtifactsLogged,
    "model.artifacts_deleted": types.ModelArtifactsDeleted,
    "trace.recorded": traces.TraceRecorded,
    "trace.spans_logged": traces.SpansLogged,
    "trace.tags_set": traces.TraceTagsSet,
    "trace.tag_deleted": traces.TraceTagDeleted,
    "trace.runs_linked": traces.TraceRunsLinked,
    "trace.runs_unlinked": traces.TraceRunsUnlinked,
    "trace.prompts_linked": traces.TracePromptsLinked,
    "trace.assessment_created": traces.AssessmentCreated,
    "trace.assessment_updated": traces.AssessmentUpdated,
    "trace.assessment_deleted": traces.AssessmentDeleted,
    "trace.artifacts_logged": traces.TraceArtifactsLogged,
    "trace.artifacts_deleted": traces.TraceArtifactsDeleted,
    "trace.deleted": traces.TraceDeleted,
    "trace.restored": traces.TraceRestored,
}
_TYPES |= {
    "registered.created": registered.RegisteredCreated,
    "registered.renamed": registered.RegisteredRenamed,
    "registered.described": registered.RegisteredDescribed,
    "registered.deleted": registered.RegisteredDeleted,
    "registered.restored": registered.RegisteredRestored,
    "registered.tags_set": registered.RegisteredTagsSet,
    "registered.tag_deleted": registered.RegisteredTagDeleted,
    "registered.alias_set": registered.AliasSet,
    "registered.alias_deleted": registered.AliasDeleted,
    "registered.version_created": registered.VersionCreated,
    "registered.version_described": registered.VersionDescribed,
    "registered.version_staged": registered.VersionStaged,
    "registered.version_deleted": registered.VersionDeleted,
    "registered.version_restored": registered.VersionRestored,
    "registered.version_tags_set": registered.VersionTagsSet,
    "registered.version_tag_deleted": registered.VersionTagDeleted,
}
_TYPES |= {
    "dataset.created": datasets.DatasetCreated,
    "dataset.deleted": datasets.DatasetDeleted,
    "dataset.restored": datasets.DatasetRestored,
    "dataset.tags_set": datasets.DatasetTagsSet,
    "dataset.tag_deleted": datasets.DatasetTagDeleted,
    "dataset.experiments_added": datasets.ExperimentsAdded,
    "dataset.experiments_removed": datasets.ExperimentsRemoved,
    "dataset.records_merged": datasets.RecordsMerged,
    "dataset.records_deleted": datasets.RecordsDeleted,
    "scorer.registered": scorers.ScorerRegistered,
    "scorer.version_deleted": scorers.ScorerDeleted,
    "scorer.version_restored": scorers.ScorerRestored,
    "study.recorded": studies.StudyRecorded,
    "access.granted": access.AccessGranted,
    "access.revoked": access.AccessRevoked,
}
for _name, _struct in _TYPES.items():
    REGISTRY.add(_name, _struct)
REGISTRY.add(
    "run.histograms_logged",
    items.HistogramsLogged,
    version=2,
    upcasters={1: items.with_all_edges},
)
