"""MLflow's vocabulary, in one place: requests, refusals, answers and the list of its endpoints."""
