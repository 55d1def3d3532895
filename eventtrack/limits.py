"""Every bound in one place, with its unit and its source.

Bounds marked MLflow are those of MLflow 3.17's validation, so that what its server refuses is
refused here with the same words.
"""

# MLflow (utils/validation.py): lengths in characters.
KEY_LENGTH_MAX = 250
PARAM_VALUE_LENGTH_MAX = 6000
TAG_VALUE_LENGTH_MAX = 8000
EXPERIMENT_NAME_LENGTH_MAX = 500
REGISTERED_NAME_LENGTH_MAX = 256
REGISTERED_ALIAS_LENGTH_MAX = 255
REGISTERED_TAG_VALUE_LENGTH_MAX = 100_000
EXPERIMENT_TAG_KEY_LENGTH_MAX = 250
EXPERIMENT_TAG_VALUE_LENGTH_MAX = 20000
ARTIFACT_LOCATION_LENGTH_MAX = 2048
DATASET_NAME_LENGTH_MAX = 500
DATASET_DIGEST_LENGTH_MAX = 36
DATASET_SOURCE_LENGTH_MAX = 65535
DATASET_SCHEMA_LENGTH_MAX = 1048575
DATASET_PROFILE_LENGTH_MAX = 16777215
INPUT_TAG_KEY_LENGTH_MAX = 255
INPUT_TAG_VALUE_LENGTH_MAX = 500

# MLflow (store/tracking/__init__.py): results of one page.
SEARCH_RESULTS_MAX = 50_000
SEARCH_RUNS_RESULTS_DEFAULT = 1000
SEARCH_EXPERIMENTS_RESULTS_DEFAULT = 1000
SEARCH_LOGGED_MODELS_RESULTS_DEFAULT = 100
SEARCH_REGISTERED_RESULTS_DEFAULT = 100
SEARCH_REGISTERED_RESULTS_MAX = 1000
SEARCH_VERSIONS_RESULTS_DEFAULT = 10_000
SEARCH_VERSIONS_RESULTS_MAX = 200_000
SEARCH_DATASETS_RESULTS_DEFAULT = 1000
DATASET_RECORDS_RESULTS_DEFAULT = 1000

# Our own: bytes of the path of a logged file, and of each name in it. File systems take 4096 and
# 255, and the folder of a download needs a part of that.
ARTIFACT_PATH_BYTES_MAX = 2048
ARTIFACT_NAME_BYTES_MAX = 255

# Our own: characters of the reason for a change. It has to fit into a header of HTTP, of which many
# proxies take 8 KiB: a letter may take 12 bytes there.
REASON_LENGTH_MAX = 500

# Our own: characters of what a signature means, and of the signer's name.
MEANING_LENGTH_MAX = 100
SIGNER_LENGTH_MAX = 250

# Our own: saved views of an experiment. A page that reads them all reads at most 6.5 MB.
VIEW_NAME_LENGTH_MAX = 100
VIEW_LENGTH_MAX = 65_536
VIEWS_MAX = 100

# Our own: runs that move in one commit. Each costs its rows in the search index, twice.
MOVED_RUNS_MAX = 10_000

# Our own, of what a search may ask: MLflow has no bounds here, and a client of a server could keep
# it busy with a single request.
FILTER_LENGTH_MAX = 2 * 2**20
FILTER_COMPARISONS_MAX = 1000
FILTER_LIST_MAX = 50_000
FILTER_PATTERN_LENGTH_MAX = 1000
FILTER_PATTERN_PERCENTS_MAX = 50
ORDER_FIELDS_MAX = 50

# Steps and timestamps are signed 64-bit integers on disk and in MLflow's protobuf.
INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

# Our own. An envelope is one LMDB value: it is read whole, so it stays small enough to hold many.
ENVELOPE_EVENTS_MAX = 4096
ENVELOPE_PAYLOAD_BYTES_MAX = 16 * 2**20
# Envelopes of one durable commit: bounds the memory of a drain and how long other writers wait.
COMMIT_PAYLOAD_BYTES_MAX = 8 * 2**20
# Bytes of envelopes that one read of the log returns at most (and one envelope more).
READ_BYTES_MAX = 16 * 2**20
# Envelopes folded in one transaction of the views: large enough for sorted bulk writes.
FOLD_ENVELOPES_MAX = 4096

# The log's and the views' first map, doubled when full. Address space, not disk.
MAP_BYTES_INITIAL = 2**30
# Pages of a log's or a view's file that an opening examines before LMDB reads it: half a
# millisecond.
OPEN_PAGES_MAX = 64
# Pages of a file that an opening examines behind a process that died while it read, the first time:
# less than 0.1 s, and all of a small store.
DEATH_PAGES_MAX = 4096
# Commits of one process after which it frees the slots of readers that were killed while they read.
READER_CHECKS = 64
# A lock of another process is waited for silently for so long; then its process is named. It is an
# error when that process has used no processor time for longer than the second.
LOCK_TOLD_S = 4.0
LOCK_WAIT_S_MAX = 60.0
# Readers LMDB keeps slots for: threads and processes that read at the same instant.
READERS_MAX = 1024

# A journal file is preallocated at this size, then the next one begins. The first one of a process
# is smaller: most processes log little, and the system may clear as much of a mapped file at the
# first write as it reads ahead (1 ms for 4 MiB).
JOURNAL_BYTES = 4 * 2**20
JOURNAL_FIRST_BYTES = 64 * 2**10
# Undrained journal bytes after which the caller helps to drain: bounds disk use when fsync is slow.
JOURNAL_BACKLOG_BYTES_MAX = 256 * 2**20
# How long events may stay in the journal before they are moved into the log.
JOURNAL_DRAIN_INTERVAL_MS = 50
# Points of metrics may stay longer while they are few: the log then has one event for many.
# Readers look for them in the journals, at most this far behind what the log has.
JOURNAL_HELD_S = 10.0
JOURNAL_HELD_BYTES_MAX = 16 * 2**10

# Ancestors of a fork whose points its histories begin with.
FORK_DEPTH_MAX = 1000
# Replicas, metrics and runs that one withdrawal of points names: a reader looks at each of them.
WITHDRAWAL_NAMES_MAX = 10_000

# Of a trace. A longer body of a span goes to a blob, and envelopes of spans stay small: so a huge
# trace costs files, not a log that cannot be read piece by piece.
SPAN_BODY_INLINE_BYTES_MAX = 64 * 2**10
SPANS_ENVELOPE_BYTES_MAX = 4 * 2**20
SPANS_ENVELOPE_MAX = 1024
# Texts of a trace's report, or of an assessment, all together.
TRACE_TEXTS_BYTES_MAX = 2**20
# Of an evaluation dataset: a record as JSON, and what one envelope has of them.
RECORD_BYTES_MAX = 4 * 2**20
RECORDS_ENVELOPE_BYTES_MAX = 4 * 2**20
RECORDS_ENVELOPE_MAX = 4096
# Of an entry of a study: its fields as JSON, attributes of users among them.
STUDY_FIELDS_LENGTH_MAX = 2**20
# MLflow (tracing/constant.py, store/tracking/__init__.py).
TRACE_ID_LENGTH_MAX = 50
TRACE_NAME_LENGTH_MAX = 4096
TRACE_SESSION_LENGTH_MAX = 250
TRACE_LINKS_MAX = 100
SEARCH_TRACES_RESULTS_DEFAULT = 100
TRACE_METRICS_RESULTS_DEFAULT = 1000

# Of a series of text, histograms or media: the bytes of one line of text, and the characters that
# one event holds, so that an envelope stays small.
TEXT_ITEM_BYTES_MAX = 2**20
ITEMS_EVENT_BYTES_MAX = 2**20

# How far a remote clock may drag the hybrid clock ahead of the wall clock.
CLOCK_DRIFT_MAX_MS = 60_000
# A clock that is off by more than this is wrong: its machine is told, and its feed is left once it
# is right again.
CLOCK_WRONG_MS = 10 * 60_000

# Map space made free before a batch, which cannot be run again when the map is full.
BATCH_MAP_BYTES_FREE = 4 * 2**30
# Map space that a commit must find free once its envelopes were published: more than any takes.
COMMIT_MAP_BYTES_FREE = 256 * 2**20

# One block of facts in a shared log (docs/wire.md, section 12). A block that decides is whole.
SHARED_BLOCK_BYTES_MAX = 256 * 2**10
SHARED_BLOCK_ENVELOPES_MAX = 500

# One block of envelopes between machines: held in memory whole at both ends. An envelope that is
# larger has a block of its own.
BLOCK_ENVELOPES_MAX = 8192
BLOCK_BYTES_MAX = 4 * 2**20
# A block's header: at most 64 hashes, and the rest.
HEADER_BYTES_MAX = 4096
# Envelopes that came from elsewhere and are committed at once: other writers wait that long.
IMPORT_COMMIT_BYTES_MAX = 16 * 2**20
# One message between machines: a block of a single envelope is the largest.
FRAME_BYTES_MAX = 2 * ENVELOPE_PAYLOAD_BYTES_MAX
# Blocks that one request over HTTP brings, so that round trips are cheap; the last may be larger.
SYNC_SENT_BYTES = 8 * 2**20
SYNC_BODY_BYTES_MAX = SYNC_SENT_BYTES + FRAME_BYTES_MAX + 4096
