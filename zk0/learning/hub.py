"""Data sets from the Hugging Face hub: LeRobot's own metadata and snapshot cache.

Tokens (HF_TOKEN, `hf auth login`), endpoint (HF_ENDPOINT) and cache (HF_LEROBOT_HOME) are
the hub client's own business.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from zk0.errors import DatasetError
from zk0.learning.integrity import describe_conversion


def download_dataset(repository: str, revision: str | None = None) -> Path:
    """The snapshot's folder, complete; from the cache alone where the hub is out of reach.

    Args:
        revision: branch, tag or commit; by default the newest tag that LeRobot can read.

    Raises:
        DatasetError: one sentence for each way in which the hub says no.
    """
    import httpx
    from huggingface_hub import errors, snapshot_download
    from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
    from lerobot.datasets.utils import (
        BackwardCompatibilityError,
        CompatibilityError,
        ForwardCompatibilityError,
    )
    from lerobot.utils.constants import HF_LEROBOT_HOME, HF_LEROBOT_HUB_CACHE

    where = f"data set hf:{repository}" + (f"@{revision}" if revision else "")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
            metadata = LeRobotDatasetMetadata(repo_id=repository, revision=revision)
            if Path(metadata.root) == HF_LEROBOT_HOME / repository:
                return Path(metadata.root)  # recorded or converted on this machine
            return Path(
                snapshot_download(
                    repository,
                    repo_type="dataset",
                    revision=metadata.revision,
                    cache_dir=HF_LEROBOT_HUB_CACHE,
                )
            )
    except errors.HFValidationError as error:
        raise DatasetError(f"expected hf:<owner>/<name>, found hf:{repository}") from error
    except errors.GatedRepoError as error:
        raise DatasetError(
            f"{where} is gated: ask for access on huggingface.co/datasets/{repository}, then set "
            "HF_TOKEN to a token of that account"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DatasetError(
            f"{where}: the hub has no such data set, or it is private: check the name, and set "
            "HF_TOKEN to a token that may read it"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DatasetError(f"{where}: the hub has no such revision of it: check @…") from error
    except BackwardCompatibilityError as error:
        raise DatasetError(f"{where}: {describe_conversion('v2.1', repository)}") from error
    except (NotImplementedError, ForwardCompatibilityError, CompatibilityError) as error:
        raise DatasetError(
            f"{where}: expected format v3.0, found one that this LeRobot cannot read"
        ) from error
    except (httpx.TransportError, errors.OfflineModeIsEnabled, FileNotFoundError) as error:
        cached = _find_cached(repository, revision)
        if cached is not None:
            return cached
        raise DatasetError(
            f"{where} is not in the cache and the hub cannot be reached ({type(error).__name__}): "
            "check the connection and HF_HUB_OFFLINE, or use local:<folder>"
        ) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "no")
        raise DatasetError(
            f"{where}: the hub answered with status {status}: check HF_TOKEN, or try again later"
        ) from error
    except RuntimeError as error:  # LeRobot's, for a repository without a version tag
        raise DatasetError(
            f"{where}: the repository has no LeRobot version tag: name a branch or commit, "
            f"as in hf:{repository}@main"
        ) from error


def _find_cached(repository: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError
    from lerobot.datasets.dataset_metadata import CODEBASE_VERSION
    from lerobot.utils.constants import HF_LEROBOT_HUB_CACHE

    try:
        folder = snapshot_download(
            repository,
            repo_type="dataset",
            revision=revision or CODEBASE_VERSION,
            cache_dir=HF_LEROBOT_HUB_CACHE,
            local_files_only=True,
        )
    except LocalEntryNotFoundError:
        return None
    return Path(folder)
