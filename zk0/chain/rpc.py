"""JSON-RPC over HTTP: one connection, whose failures are our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from eth_utils.exceptions import ValidationError
from web3 import HTTPProvider, Web3
from web3.exceptions import (
    BadFunctionCallOutput,
    BadResponseFormat,
    ContractLogicError,
    MismatchedABI,
    Web3RPCError,
    Web3ValidationError,
)
from web3.middleware import AttributeDictMiddleware
from web3.types import RPCEndpoint, RPCResponse

from zk0.chain.reverts import decode_revert
from zk0.errors import ChainError, ConfigError, NoContractError, RpcUnavailableError

TIMEOUT_S = 30.0


class RpcProvider(HTTPProvider):
    """An HTTP provider that says in one sentence what is wrong with the connection."""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request. Raises RpcUnavailableError."""
        url = get_shown_url(str(self.endpoint_uri))
        try:
            response: RPCResponse = super().make_request(method, params)
        except requests.Timeout as error:
            raise RpcUnavailableError(f"no answer from the RPC at {url} to {method}") from error
        except requests.RequestException as error:
            raise RpcUnavailableError(
                f"cannot reach the RPC at {url} ({type(error).__name__}): is a chain running "
                "there, and is --rpc-url right?"
            ) from error
        except (ValueError, BadResponseFormat) as error:
            raise RpcUnavailableError(
                f"what answers at {url} is not an Ethereum JSON-RPC: check --rpc-url"
            ) from error
        return response


def get_shown_url(url: str) -> str:
    """Scheme, host and port only: a provider's URL often carries a secret."""
    parts = urlsplit(url)
    host = parts.hostname or "?"
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def open_rpc(url: str, timeout_s: float = TIMEOUT_S) -> Web3:
    """A connection to the RPC at `url`; nothing is sent yet.

    Raises:
        ConfigError: not an http:// or https:// URL.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(f"expected an RPC URL like http://127.0.0.1:8545, found {url!r}")
    provider = RpcProvider(url, request_kwargs={"timeout": timeout_s})
    # Not web3's own list: it asks for the chain id before every call, resolves names that we
    # never use, and refuses the blocks of proof-of-authority chains.
    return Web3(provider, middleware=[AttributeDictMiddleware])


def get_chain_id(url: str) -> int:
    """The chain id behind an RPC. Raises RpcUnavailableError, ConfigError."""
    with translate_errors("the chain id"):
        return int(open_rpc(url).eth.chain_id)


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Raise web3's errors as ours; `what` names what was being done.

    Raises:
        ContractRevertError: the contract refused (a subclass per custom error).
        NoContractError: no contract, or another one, answered.
        RpcUnavailableError: the RPC refused or answered nonsense.
        ChainError: the arguments do not fit the contract's types.
    """
    try:
        yield
    except ContractLogicError as error:
        raise decode_revert(_get_revert_data(error)) from error
    except BadFunctionCallOutput as error:
        raise NoContractError(
            f"{what}: no contract of zk0 answers at that address on this chain: check the "
            "registry's address, the RPC's network, and whether the devnet kept its state"
        ) from error
    except Web3RPCError as error:
        raise RpcUnavailableError(f"the RPC refused {what}: {get_rpc_message(error)}") from error
    except (MismatchedABI, Web3ValidationError, ValidationError) as error:
        raise ChainError(f"{what}: the arguments do not fit the contract: {error}") from error


def _get_revert_data(error: ContractLogicError) -> bytes:
    data = error.data
    text = data if isinstance(data, str) and data.startswith("0x") else "0x"
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return b""


def get_rpc_message(error: Web3RPCError) -> str:
    """The RPC's own words."""
    response = error.rpc_response
    if response and isinstance(response.get("error"), dict):
        return str(response["error"].get("message", error))
    return str(error)
