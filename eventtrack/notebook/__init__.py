"""Runs in notebooks: `eventtrack.display(run)`, runs as the last expression, and `%eventtrack`.

`cards` makes the HTML of a run, without scripts and without a server. `showing` hands it to the
notebook, again and again while the run is open. `formatting` and `extension` are for IPython.
"""
