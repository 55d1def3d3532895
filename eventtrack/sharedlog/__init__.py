"""The log that several servers share: one port, and the engines that carry it (docs/cluster.md)."""
