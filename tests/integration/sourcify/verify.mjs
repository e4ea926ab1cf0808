// Sourcify's own verification of contracts on a local chain, with the compiler that the build uses.
// Reads {rpc, chainId, contracts: [{address, transaction, input, path, name}]} from standard input,
// `input` being a file with the compiler's standard JSON input; writes {name: status} as JSON.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { getAddress } from 'ethers'
import { SolidityCompilation, SourcifyChain, Verification } from '@ethereum-sourcify/lib-sourcify'

const request = JSON.parse(fs.readFileSync(0, 'utf8'))
// The compiler of the repository, wherever its packages are.
const solc = createRequire(new URL('../../../scripts/solc', import.meta.url))('solc')
const version = solc.version().replace('.Emscripten.clang', '')
const compiler = {
  compile: async (wanted, input) => {
    if (wanted !== version) throw new Error(`expected version ${version}, found ${wanted}`)
    return JSON.parse(solc.compile(JSON.stringify(input)))
  }
}
const chain = new SourcifyChain({
  name: 'devnet',
  chainId: request.chainId,
  rpcs: [{ rpc: request.rpc, urlWithoutApiKey: request.rpc }],
  supported: true
})
const statuses = {}
for (const { address, transaction, input, path, name } of request.contracts) {
  const source = JSON.parse(fs.readFileSync(input, 'utf8'))
  const compilation = new SolidityCompilation(compiler, version, source, { path, name })
  const verification = new Verification(compilation, chain, getAddress(address), transaction)
  try {
    await verification.verify()
    statuses[name] = verification.status
  } catch (error) {
    statuses[name] = { error: `${error.code ?? error.name}: ${error.message}` }
  }
}
fs.writeFileSync(1, JSON.stringify(statuses))
process.exit(0) // its RPC client keeps a timer
