"""Logging to a server without waiting for it (docs/remote-logging.md).

What a program logs for a server goes into a store of its own on this machine, the outbox, and from
there to the server: by a thread of this program, by another program that logs to the same server,
or by `eventtrack flush`. Each fact is delivered once, however often the connection broke.
"""
