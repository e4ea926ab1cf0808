"""Pushes a saved model to the Hugging Face Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from zk0.errors import ConfigError, StorageError

TOKEN_VARIABLE = "HF_TOKEN"


class ModelHub(Protocol):
    """Where models are published."""

    def upload(self, folder: Path, repository: str, message: str) -> str:
        """Publish `folder` as the newest state of `repository`; returns where it is.

        Raises StorageError.
        """
        ...


class HuggingFaceHub:
    """The real hub, with the token of `HF_TOKEN`."""

    def __init__(self) -> None:
        """Raises ConfigError without a token."""
        token = os.environ.get(TOKEN_VARIABLE)
        if not token:
            raise ConfigError(
                f"--push-to-hub needs a token that may write, in {TOKEN_VARIABLE}: make one at "
                "https://huggingface.co/settings/tokens"
            )
        self._token = token

    def upload(self, folder: Path, repository: str, message: str) -> str:
        import httpx
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        api = HfApi(token=self._token)
        try:
            api.create_repo(repository, repo_type="model", exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message=message
            )
        except (HfHubHTTPError, HFValidationError, httpx.HTTPError, OSError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise StorageError(
                f"cannot push {folder} to the hub as {repository} ({reason}): the model stays in "
                "that folder; check the name, the token and the connection"
            ) from error
        return str(commit)


def validate_repository(name: str) -> str:
    """`owner/name` as the hub takes it. Raises ConfigError."""
    owner, slash, model = name.partition("/")
    plain = (owner + model).translate(str.maketrans("", "", "-_."))
    if not slash or not owner or not model or not plain.isalnum() or "/" in model:
        raise ConfigError(f"expected --push-to-hub OWNER/NAME, found {name!r}")
    return name
