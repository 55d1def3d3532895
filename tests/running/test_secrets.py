"""Secrets stay out of the record."""

import pytest

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
    ],
)
def test_values_of_secret_arguments_are_hidden(argv: str, kept: str) -> None:
    assert hide(argv.split(" ")) == kept.split(" ")


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
