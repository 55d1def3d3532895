"""Backup of a store, and salvage: a new store from everything that survived in a damaged one."""

from eventtrack.rescue.backup import BackupReport, back_up
from eventtrack.rescue.report import Gap, Loss, SalvageReport
from eventtrack.rescue.salvaging import salvage

__all__ = ["BackupReport", "Gap", "Loss", "SalvageReport", "back_up", "salvage"]
