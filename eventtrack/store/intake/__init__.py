"""Histories from elsewhere enter the store: whole runs with their own ids, times and states."""

from eventtrack.store.intake.forms import (
    IncomingExperiment,
    IncomingFile,
    IncomingItems,
    IncomingMedium,
    IncomingModel,
    IncomingRun,
    Taken,
)
from eventtrack.store.intake.intake import Intake
from eventtrack.store.intake.rules import IMPORT_SOURCE

__all__ = [
    "IMPORT_SOURCE",
    "IncomingExperiment",
    "IncomingFile",
    "IncomingItems",
    "IncomingMedium",
    "IncomingModel",
    "IncomingRun",
    "Intake",
    "Taken",
]
