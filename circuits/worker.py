"""The child process that runs EZKL: `python -P worker.py VERB ARGUMENTS`.

EZKL can hang, panic or abort on bad keys and bad proofs, and reports success for an
invalid witness; none of that may reach the process that holds a wallet. Imports nothing
of zk0, so that it starts in a tenth of a second. ARGUMENTS is a JSON object.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import ezkl


def setup(arguments: Mapping[str, str]) -> None:
    """compiled + srs → verifying_key, proving_key."""
    ezkl.setup(
        model=arguments["compiled"],
        vk_path=arguments["verifying_key"],
        pk_path=arguments["proving_key"],
        srs_path=arguments["srs"],
        witness_path=None,
        disable_selector_compression=False,
    )


def prove(arguments: Mapping[str, str]) -> None:
    """inputs + compiled + proving_key + srs → witness, proof."""
    ezkl.gen_witness(
        arguments["inputs"],
        arguments["compiled"],
        arguments["witness"],
        vk_path=None,
        srs_path=None,
    )
    ezkl.prove(
        arguments["witness"],
        arguments["compiled"],
        arguments["proving_key"],
        arguments["proof"],
        arguments["srs"],
    )


def verify(arguments: Mapping[str, str]) -> None:
    """proof + settings + verifying_key + srs; fails unless the proof is valid."""
    valid = ezkl.verify(
        arguments["proof"],
        arguments["settings"],
        arguments["verifying_key"],
        arguments["srs"],
        reduced_srs=False,
    )
    if valid is not True:
        raise RuntimeError("the proof is not valid")


def solidity(arguments: Mapping[str, str]) -> None:
    """verifying_key + settings + srs → solidity."""

    async def render() -> None:
        await ezkl.create_evm_verifier(
            vk_path=arguments["verifying_key"],
            settings_path=arguments["settings"],
            sol_code_path=arguments["solidity"],
            abi_path=arguments["solidity"] + ".abi",
            srs_path=arguments["srs"],
            reusable=False,
        )

    try:
        asyncio.run(render())
    except RuntimeError:
        # EZKL writes the source, then wants to download a compiler for the ABI, which
        # nobody needs here.
        if not Path(arguments["solidity"]).is_file():
            raise


VERBS = {"setup": setup, "prove": prove, "verify": verify, "solidity": solidity}


def main() -> int:
    verb, arguments, time_limit_s = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    # Python's handlers cannot run while EZKL computes: let the system act on Ctrl-C, and
    # end a worker whose parent died before it could be killed.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.alarm(time_limit_s + 30)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        VERBS[verb](arguments)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        return 1
    return 0


if __name__ == "__main__":
    # Not sys.exit: after `solidity` the interpreter crashes while it tears EZKL down.
    os._exit(main())
