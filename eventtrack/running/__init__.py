"""Runs a command within a run: `eventtrack run -- python train.py`.

Two processes share the work, so that nothing that goes wrong with the record can harm the program:

    launcher    starts the command, hands its output and its signals on, and waits for its end. It
                opens no store. (launching, relay, terminal, signals)
    recorder    a fork of the launcher. It opens the store, starts the run, and records the output,
                the machine's load, the origin of the program and its end. (recording, origin, end)

The launcher sends frames through a pipe (frames). A full disk or damage in the store ends the
recorder; the program goes on without a record. `docs/running.md` says what is recorded.
"""
