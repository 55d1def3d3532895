"""Names of MLflow's package that eventtrack lacks, and the way to them.

Models, the registry, traces and evaluation belong to MLflow's own package, which works on a store
of ours through the plugin. A program that says `import eventtrack as mlflow` lacks them.

This module imports nothing of ours: the package looks here for every name that it does not know,
also while its own modules are being imported.
"""

from pathlib import Path

# Integrations of frameworks that exist here as well, by MLflow's name for them.
_INTEGRATIONS = {
    "catboost": "catboost",
    "keras": "keras",
    "lightgbm": "lightgbm",
    "pytorch": "lightning",
    "sklearn": "sklearn",
    "tensorflow": "keras",
    "transformers": "transformers",
    "xgboost": "xgboost",
}
# MLflow 3.17's functions, and its modules that programs use.
_MLFLOW = """
    ActiveModel add_trace ag2 agno anthropic autogen autolog bedrock clear_active_model context
    create_external_model create_workspace crewai delete_assessment delete_logged_model_tag
    delete_prompt_alias delete_trace_tag delete_workspace diffusers doctor dspy evaluate
    finalize_logged_model flush_trace_async_logging gateway gemini genai get_active_model_id
    get_active_trace_id get_assessment get_current_active_span get_last_active_trace_id
    get_logged_model get_registry_uri get_trace get_workspace groq h2o haystack
    import_checkpoints initialize_logged_model johnsnowlabs langchain last_logged_model
    list_workspaces litellm llama_index load_prompt log_assessment log_expectation log_feedback
    log_issue log_model_params log_trace login metrics mistral models onnx openai otel
    override_feedback paddle pmdarima projects prompt prophet pydantic_ai pyfunc register_model
    register_prompt run search_logged_models search_model_versions search_prompts
    search_registered_models search_sessions search_traces semantic_kernel sentence_transformers
    set_active_model set_logged_model_tags set_model_version_tag set_prompt_alias
    set_registry_uri set_trace_tag set_workspace shap smolagents spacy spark start_span
    start_span_no_context statsmodels strands test trace tracing types update_assessment
    update_current_trace update_workspace validate_evaluation_results
"""


def is_mlflow_name(name: str) -> bool:
    """Whether MLflow's package has the name, and eventtrack lacks it."""
    return name in _INTEGRATIONS or name in _MLFLOW.split()


def message(name: str, place: object) -> str:
    """The words of the error for one of MLflow's names: what is missing, and what to do instead.

    Args:
        place: The store of the program: a folder, or something else.
    """
    # The address of a server may hold a password, and the program has it already.
    shown = repr(f"eventtrack:{place}") if isinstance(place, Path) else "..."
    own = (
        f"with `import mlflow` and `mlflow.set_tracking_uri({shown})`, mlflow.{name} uses the same "
        'store (pip install "eventtrack[mlflow]")'
    )
    if name in _INTEGRATIONS:
        first = f"`eventtrack.integrations.{_INTEGRATIONS[name]}` records it; or "
    elif name == "autolog":
        first = "`eventtrack.integrations` has a callback or a logger for each framework; or "
    else:
        first = "it belongs to MLflow's own package; "
    return f"module 'eventtrack' has no attribute {name!r}\nhint: {first}{own}"
