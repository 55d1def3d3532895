"""The fluent API: MLflow's names over the embedded store.

This layer keeps the stack of open runs of each thread, reads MLflow's environment variables, turns
figures, images and tables into bytes, and leaves every decision to the store. The package
`eventtrack` exports these names, and loads these modules when the first name is used.
"""
