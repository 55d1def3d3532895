"""Loggers and callbacks for training frameworks, a module for each: `integrations.lightning`.

A module imports its framework, so it is imported by its full name and only where it is used:

    from eventtrack.integrations.lightning import EventtrackLogger

All share `writer.RunWriter`, which knows runs, ranks and checkpoints; a module of a framework
translates the framework's words and nothing else. docs/integrations.md has a line for each.
"""
