"""Logging to a server without waiting for it (docs/remote-logging.md).

A program that logs to a server writes into a separate store on this machine, the outbox. A thread
of this program, another program that logs to the same server, or `eventtrack flush` delivers the
facts to the server. Each fact takes effect once, however often the connection breaks.
"""
