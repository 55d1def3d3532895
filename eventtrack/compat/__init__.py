"""MLflow's REST vocabulary: requests, refusals, answers and the list of its endpoints."""
