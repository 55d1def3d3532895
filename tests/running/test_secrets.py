"""Secrets stay out of the record."""

import pytest

from eventtrack.running.recording import source_tags
from eventtrack.running.secrets import (
    environment,
    hide,
    is_secret_file,
    scheduler,
    without_credentials,
)


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        ("train.py --api-key abc --lr 1", "train.py --api-key <hidden> --lr 1"),
        ("train.py --hf_token=abc", "train.py --hf_token=<hidden>"),
        ("train.py wandb.api_key=abc", "train.py wandb.api_key=<hidden>"),
        ("train.py --token --lr 1", "train.py --token --lr 1"),
        ("train.py --db postgres://ada:pw@host/x", "train.py --db postgres://<hidden>@host/x"),
        ("train.py --tokenizer bert --keys 3", "train.py --tokenizer bert --keys 3"),
        ("x.py --openaiApiKey abc --maxTokens 5", "x.py --openaiApiKey <hidden> --maxTokens 5"),
        ("git clone https://ghp@host/x", "git clone https://<hidden>@host/x"),
        ("x.py s3://b/k?X-Amz-Signature=abc&a=1", "x.py s3://b/k?X-Amz-Signature=<hidden>&a=1"),
        (f"x.py --hub hf_{'a' * 34}", "x.py --hub <hidden>"),
        (f"x.py -k eventtrack_{'a' * 43}", "x.py -k <hidden>"),
        ("x.py ssh://git@host/x eventtrack_runs_of_last_week", None),
        ("x.py --model sk-learn-baseline max_tokens=5", None),
    ],
)
def test_values_of_secret_arguments_are_hidden(argv: str, kept: str | None) -> None:
    assert hide(argv.split(" ")) == (kept or argv).split(" ")


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        ("LR=1 HF_TOKEN=abc python x.py", "LR=1 HF_TOKEN=<hidden> python x.py"),
        ("export API_KEY='abc'; ./x", "export API_KEY='<hidden>'; ./x"),
        ('{"api_key": "abc", "lr": 1}', '{"api_key": "<hidden>", "lr": 1}'),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer <hidden>"),
        ("tokenizer: bert; tokens=5", "tokenizer: bert; tokens=5"),
    ],
)
def test_secrets_within_an_argument_are_hidden(argument: str, kept: str) -> None:
    assert hide(["sh", "-c", argument]) == ["sh", "-c", kept]
    assert "abc" not in source_tags([f"{argument} x.py"])["mlflow.source.name"]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://ada:secret@example.com/lab/net.git", "https://example.com/lab/net.git"),
        ("https://ghp_secret@example.com/lab/net.git", "https://example.com/lab/net.git"),
        ("https://example.com/net.git?token=1#x", "https://example.com/net.git"),
        ("git@example.com:lab/net.git", "git@example.com:lab/net.git"),
        ("/srv/git/net.git", "/srv/git/net.git"),
        ("http://[broken/net.git", ""),
    ],
)
def test_remotes_lose_their_credentials(address: str, kept: str) -> None:
    assert without_credentials(address) == kept


def test_variables_are_recorded_by_an_allow_list() -> None:
    variables = {
        "CUDA_VISIBLE_DEVICES": "0",
        "NCCL_DEBUG": "INFO",
        "TORCH_API_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "WANDB_API_KEY": "secret",
        "SLURM_JOB_ID": "7",
        "SLURM_JWT": "secret",
        "RANK": "3",
    }
    assert environment(variables) == {"CUDA_VISIBLE_DEVICES": "0", "NCCL_DEBUG": "INFO"}
    assert scheduler(variables) == {"SLURM_JOB_ID": "7", "RANK": "3"}


@pytest.mark.parametrize(
    "path", [".env", "deploy/.env.local", "keys/id_rsa", "tls/server.pem", "aws_credentials.json"]
)
def test_files_of_secrets_are_known_by_their_names(path: str) -> None:
    assert is_secret_file(path)
    assert not is_secret_file("src/tokenizer.py")
