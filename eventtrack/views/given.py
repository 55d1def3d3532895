"""The outside folders that this store gave to experiments, as notes on this machine say.

The first event of an experiment has its artifact location, and may come from any machine. So a
folder counts only if it was chosen on this machine. `locations/` has a file for each experiment
that got a folder here: its name is the SHA-256 of the experiment's id, its content the location.
`store.locations` writes them. No sync, bundle or HTTP request writes there.
"""

import warnings
from pathlib import Path

from eventtrack.errors import CorruptionError, EventtrackWarning
from eventtrack.events.reading import events_of
from eventtrack.events.types import ExperimentCreated
from eventtrack.hashing import sha256
from eventtrack.locations import is_folder
from eventtrack.log import files
from eventtrack.log.checked import UNREADABLE, decode_checked
from eventtrack.projections.tables import Reader
from eventtrack.views.source import Source

# A server's clients write into the server's feed, but no user of this machine made their events.
_SERVER = "server"


class GivenFolders:
    """The outside folders that one store gave to its experiments."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._folder = source.path / files.LOCATIONS

    def of(self, reader: Reader, experiment_id: str) -> str | None:
        """The folder that an experiment was given here; None for an experiment without one."""
        note = self._folder / note_name(experiment_id)
        try:
            return read_note(note)
        except FileNotFoundError:
            return None if self._folder.is_dir() else self.born_here(reader, experiment_id)
        except OSError:
            return None
        except CorruptionError as error:  # its files are not to be had; all else of it is
            warnings.warn(str(error), EventtrackWarning, stacklevel=2)
            return None

    def born_here(self, reader: Reader, experiment_id: str) -> str | None:
        """The folder that a user of this machine gave to an experiment when making it."""
        log = self._source.log
        replica = log.replica
        for position in reader.timeline(f"experiment/{experiment_id}"):
            envelope = log.get(position)
            if envelope is None or envelope.header.replica != replica or not envelope.payload:
                continue
            session = reader.session(envelope.header.session)
            if session is None or session.source == _SERVER:
                continue
            for event in events_of(envelope):
                location = isinstance(event, ExperimentCreated) and event.artifact_location
                if location and is_folder(location):
                    return location
        return None


def read_note(note: Path) -> str:
    """The folder that a note says.

    Raises:
        OSError: It cannot be read, or is not there.
        CorruptionError: It is not what was written.
    """
    data = note.read_bytes()
    try:
        # Notes of before are a path alone, which no wrong bit makes of the lines of a later one.
        return data.decode() if data[:1] == b"/" or b"\n" not in data else decode_checked(data, str)
    except UNREADABLE as error:
        raise CorruptionError(
            f"cannot read {note}, which says where files of an experiment lie: {error}",
            hint="restore it from a backup, or write the folder's path into it, and nothing else",
        ) from error


def note_name(experiment_id: str) -> str:
    """The name of the note of an experiment's folder."""
    return sha256(experiment_id.encode()).hexdigest()
