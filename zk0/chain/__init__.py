"""The chain: wallets, deployments, the real ledger, the devnet and the history.

The only room that imports web3 and eth_account, which take seconds to load: import the module
that you need, when you need it.
"""
