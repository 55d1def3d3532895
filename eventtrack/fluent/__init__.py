"""The fluent API: MLflow's names over the embedded store.

A surface: it keeps the stack of open runs of each thread, reads MLflow's environment variables,
turns figures, images and tables into bytes, and leaves every decision to the store. `eventtrack`
itself hands out these names; nothing here is loaded before the first of them is used.
"""
