"""For the day on which a disk lies: what survived is taken out of a damaged store."""

from eventtrack.rescue.backup import BackupReport, back_up
from eventtrack.rescue.report import Gap, Loss, SalvageReport
from eventtrack.rescue.salvaging import salvage

__all__ = ["BackupReport", "Gap", "Loss", "SalvageReport", "back_up", "salvage"]
