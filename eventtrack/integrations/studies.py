"""Optuna's journal on our log: entries of all machines, in an order that Optuna can replay.

Optuna's journal is a list. Its entries name studies and trials by numbers, which follow from the
places of their creation in that list. Our log is merged from the feeds of many machines, so no list
has the same order everywhere. Three rules settle this (docs/format.md, "Studies"):

- Entries are recorded with ids, never with numbers. Each machine numbers studies and trials in the
  order in which it learnt of them, and never numbers them anew.
- Of entries that set one value of one trial or study, the last by stamp counts, wherever it stands.
- Studies of one name that were begun on several machines are one study.
"""

import json
import logging
import threading
from collections import defaultdict
from typing import Any

from eventtrack.events.studies import StudyEntry
from eventtrack.integrations.missing import missing
from eventtrack.projections.state import Stamp
from eventtrack.store import Store, open_store
from eventtrack.store.studies import RecordedEntry

try:
    from optuna.storages.journal import BaseJournalBackend
    from optuna.storages.journal._storage import JournalOperation, JournalStorageReplayResult
except ImportError as error:
    raise missing("optuna", error) from error

Log = dict[str, Any]

_CREATIONS = (JournalOperation.CREATE_STUDY, JournalOperation.CREATE_TRIAL)
_STRUCTURE = (*_CREATIONS, JournalOperation.DELETE_STUDY)


class StudyJournal(BaseJournalBackend):
    """The journal of all studies of a store. Safe from any thread; several processes may share it.

    A pickled journal keeps its numbers, since studies and trials that are pickled beside it have
    them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        # The journal as Optuna has read it, or will: it only grows. The rest is guarded by _lock.
        self._logs: list[Log] = []
        # A replay of it, which tells the numbers, and refuses what Optuna would stumble over.
        self._replay = JournalStorageReplayResult("")
        self._after = -1
        self._studies: dict[str, int] = {}
        self._ids_of_study: dict[int, list[str]] = defaultdict(list)
        self._trials: dict[str, int] = {}
        self._id_of_trial: dict[int, str] = {}
        self._deleted: set[str] = set()
        self._waiting: dict[str, list[RecordedEntry]] = defaultdict(list)
        self._newest: dict[tuple[str, int, str], Stamp] = {}

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return vars(self) | {"_lock": None, "_store": self._store.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._store = open_store(state["_store"])
        self._lock = threading.RLock()

    def read_logs(self, log_number_from: int) -> list[Log]:
        """The journal from a number on, with what has arrived since the last call."""
        with self._lock:
            self._catch_up()
            return self._logs[log_number_from:]

    def append_logs(self, logs: list[Log]) -> None:
        """Record entries, less those that can have no effect: Optuna alone is to refuse these."""
        with self._lock:
            self._catch_up()
            entries = []
            for log in logs:
                entry = self._entry(log)
                if entry is None:
                    self._logs.append(log)
                else:
                    entries.append(entry)
            if entries:
                self._store.studies.record(entries)

    def ids_of_study(self, study: int) -> list[str]:
        """The ids of a study, the first one first: it has several if it was begun several times."""
        with self._lock:
            return list(self._ids_of_study[study])

    def id_of_trial(self, trial: int) -> str:
        """The id of a trial, which is that of its run."""
        with self._lock:
            return self._id_of_trial[trial]

    def _entry(self, log: Log) -> StudyEntry | None:
        """The entry for a log of Optuna's, with ids in place of numbers; None if it has no effect.

        An operation on what is not there or has ended has none, nor a study whose name is taken.
        """
        fields = {key: value for key, value in log.items() if key not in ("op_code", "trial_id")}
        study, trial = fields.pop("study_id", None), log.get("trial_id")
        study_id = trial_id = ""
        if log["op_code"] == JournalOperation.CREATE_STUDY:
            if log["study_name"] in self._names():
                return None
            study_id = self._store.studies.new_id()
        elif study is not None:
            if study not in self._replay._studies:  # noqa: SLF001 - Optuna's own, of its own kind
                return None
            study_id = self._ids_of_study[study][0]
            if log["op_code"] == JournalOperation.CREATE_TRIAL:
                trial_id = self._store.studies.new_id()
            elif log["op_code"] == JournalOperation.DELETE_STUDY:
                fields["studies"] = self._ids_of_study[study]
        elif trial is not None:
            known = self._replay._trials.get(trial)  # noqa: SLF001
            if known is None or known.state.is_finished():
                return None
            trial_id = self._id_of_trial[trial]
        return StudyEntry(int(log["op_code"]), study_id, trial_id, json.dumps(fields))

    def _names(self) -> set[str]:
        return {study.study_name for study in self._replay.get_all_studies()}

    def _catch_up(self) -> None:
        """Take in what the log has got since; the first time, all of it in its lasting order."""
        if self._after >= 0:
            entries, self._after = self._store.studies.entries(self._after)
        else:
            entries, self._after = self._store.studies.entries()
            for recorded in entries:
                if recorded.entry.operation == JournalOperation.DELETE_STUDY:
                    self._deleted.update(_ids_deleted(recorded.entry))
            creations = [known for known in entries if known.entry.operation in _CREATIONS]
            values = [known for known in entries if known.entry.operation not in _STRUCTURE]
            entries = creations + sorted(values, key=lambda recorded: recorded.stamp)
        for recorded in entries:
            self._take(recorded)

    def _take(self, recorded: RecordedEntry) -> None:
        """Give an entry to Optuna, or keep it until what it belongs to arrives, or drop it."""
        entry = recorded.entry
        operation = entry.operation
        if operation == JournalOperation.CREATE_STUDY:
            self._take_study(recorded)
        elif operation == JournalOperation.DELETE_STUDY:
            self._take_deletion(entry)
        elif operation == JournalOperation.CREATE_TRIAL or not entry.trial:
            if entry.study in self._studies:
                self._take_part(recorded)
            elif entry.study not in self._deleted:
                self._waiting[entry.study].append(recorded)
        elif entry.trial in self._trials:
            self._take_part(recorded)
        else:
            self._waiting[entry.trial].append(recorded)

    def _take_study(self, recorded: RecordedEntry) -> None:
        entry, log = recorded.entry, _log(recorded.entry)
        if log is None or entry.study in self._deleted or entry.study in self._studies:
            return
        if not self._give(log):
            return
        # The newest study of that name, or an older one that this one joins.
        for study in self._replay.get_all_studies():
            if study.study_name == log.get("study_name"):
                self._studies[entry.study] = study._study_id  # noqa: SLF001
                self._ids_of_study[study._study_id].append(entry.study)  # noqa: SLF001
        self._release(entry.study)

    def _take_deletion(self, entry: StudyEntry) -> None:
        """Delete a study once all its ids are deleted: others may have begun it anew meanwhile."""
        ids = _ids_deleted(entry)
        self._deleted.update(ids)
        for study in {self._studies[study_id] for study_id in ids if study_id in self._studies}:
            if self._deleted.issuperset(self._ids_of_study[study]):
                log = _log(entry) or {}
                self._give({**log, "study_id": study})

    def _take_part(self, recorded: RecordedEntry) -> None:
        """Give Optuna a new trial, or a value of a trial or of a study."""
        entry, log = recorded.entry, _log(recorded.entry)
        if log is None or self._is_overtaken(recorded, log):
            return
        if entry.trial in self._trials:
            log["trial_id"] = self._trials[entry.trial]
        else:
            log["study_id"] = self._studies[entry.study]
        trials = len(self._replay._trials)  # noqa: SLF001
        if entry.operation == JournalOperation.CREATE_TRIAL and entry.trial in self._trials:
            return
        if self._give(log) and len(self._replay._trials) > trials:  # noqa: SLF001
            self._trials[entry.trial], self._id_of_trial[trials] = trials, entry.trial
            self._release(entry.trial)

    def _give(self, log: Log) -> bool:
        """Append to what Optuna reads; a log that its replay cannot take is dropped and named."""
        try:
            # Without a worker, since a replay raises its worker's own mistakes only.
            self._replay.apply_logs([log])
        except Exception as error:
            logging.getLogger("eventtrack").warning(
                "eventtrack: an entry of a study has no effect: %s: %s", type(error).__name__, error
            )
            return False
        self._logs.append(log)
        return True

    def _release(self, owner: str) -> None:
        waiting = self._waiting.pop(owner, [])
        for recorded in sorted(waiting, key=lambda recorded: recorded.stamp):
            self._take(recorded)

    def _is_overtaken(self, recorded: RecordedEntry, log: Log) -> bool:
        """Whether a later entry set the same value and arrived earlier."""
        key = log.get("param_name", log.get("step"))
        for attributes in ("user_attr", "system_attr"):
            if isinstance(log.get(attributes), dict):
                key = next(iter(log[attributes]), None)
        if key is None:
            return False
        place = (recorded.entry.trial or recorded.entry.study, recorded.entry.operation, str(key))
        if self._newest.get(place, b"") > recorded.stamp:
            return True
        self._newest[place] = recorded.stamp
        return False


def _log(entry: StudyEntry) -> Log | None:
    """The log of Optuna's for an entry, without numbers; None if its fields are no object."""
    try:
        fields = json.loads(entry.fields)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    return {"worker_id": "", **fields, "op_code": entry.operation}


def _ids_deleted(entry: StudyEntry) -> set[str]:
    """The ids that a deletion names: those that its machine knew of the study."""
    ids = (_log(entry) or {}).get("studies", [])
    listed = ids if isinstance(ids, list) else []
    return {entry.study, *(study_id for study_id in listed if isinstance(study_id, str))}
