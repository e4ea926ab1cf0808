// Helia, a real IPFS implementation, behind the part of Kubo's HTTP RPC that zk0 uses.
// It runs without a network: what it has was put into it.
//
//   node rpc.mjs REPO        prints "listening PORT" on a free loopback port
import http from 'node:http'
import { Readable } from 'node:stream'
import { unixfs } from '@helia/unixfs'
import { Helia } from '@helia/utils'
import { FsBlockstore } from 'blockstore-fs'
import { FsDatastore } from 'datastore-fs'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'

// Some dependencies use this part of ES2024, which Node 20 lacks.
Promise.withResolvers ??= function () {
  const resolvers = {}
  resolvers.promise = new this((resolve, reject) => Object.assign(resolvers, { resolve, reject }))
  return resolvers
}

const repo = process.argv[2]
const blockstore = new FsBlockstore(`${repo}/blocks`)
const datastore = new FsDatastore(`${repo}/data`)
await blockstore.open()
await datastore.open()
const libp2p = await createLibp2p({ start: false, addresses: { listen: [] } })
const helia = new Helia({ blockstore, datastore, libp2p, blockBrokers: [], routers: [] })
const files = unixfs(helia)

// The first part of a multipart body, streamed.
async function * firstPart (request) {
  const boundary = /boundary="?([^";]+)"?/.exec(request.headers['content-type'] ?? '')[1]
  const end = Buffer.from(`\r\n--${boundary}`)
  let held = Buffer.alloc(0)
  let inHead = true
  let done = false
  for await (const chunk of request) {
    if (done) continue
    held = held.length > 0 ? Buffer.concat([held, chunk]) : chunk
    if (inHead) {
      const bodyStart = held.indexOf('\r\n\r\n')
      if (bodyStart < 0) continue
      // The boundary's own line break may be the one that ends the head (an empty file).
      held = held.subarray(bodyStart + 4)
      inHead = false
    }
    const bodyEnd = held.indexOf(end)
    if (bodyEnd >= 0) {
      if (bodyEnd > 0) yield held.subarray(0, bodyEnd)
      done = true
    } else if (held.length > end.length) {
      yield held.subarray(0, held.length - end.length)
      held = held.subarray(held.length - end.length)
    }
  }
}

// Helia's own defaults where the caller says nothing, so that a forgotten option shows.
function importOptions (query) {
  const options = { reduceSingleLeafToSelf: true }
  if (query.has('cid-version')) options.cidVersion = Number(query.get('cid-version'))
  if (query.has('raw-leaves')) options.rawLeaves = query.get('raw-leaves') === 'true'
  const chunk = /^size-(\d+)$/.exec(query.get('chunker') ?? '')
  options.chunker = fixedSize({ chunkSize: chunk === null ? 262144 : Number(chunk[1]) })
  options.layout = balanced({ maxChildrenPerNode: Number(query.get('max-file-links') ?? 174) })
  return options
}

async function drain (iterable) {
  for await (const _ of iterable) { /* the work is in the walking */ }
}

const commands = {
  add: async (query, request) => {
    const cid = await files.addByteStream(firstPart(request), importOptions(query))
    if (query.get('pin') !== 'false' && !await helia.pins.isPinned(cid)) {
      await drain(helia.pins.add(cid))
    }
    return { Name: cid.toString(), Hash: cid.toString() }
  },
  'pin/add': async (query) => {
    const cid = CID.parse(query.get('arg'))
    if (!await helia.pins.isPinned(cid)) await drain(helia.pins.add(cid))
    return { Pins: [cid.toString()] }
  },
  'pin/ls': async (query) => {
    const cid = CID.parse(query.get('arg'))
    if (!await helia.pins.isPinned(cid)) throw new Error(`path '${cid}' is not pinned`)
    return { Keys: { [cid.toString()]: { Type: 'recursive' } } }
  },
  cat: async (query, request, response) => {
    const content = files.cat(CID.parse(query.get('arg')))[Symbol.asyncIterator]()
    const first = await content.next()
    if (!first.done) response.write(first.value)
    for await (const chunk of Readable.from(content)) {
      if (!response.write(chunk)) await new Promise(resolve => response.once('drain', resolve))
    }
    response.end()
  }
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://loopback')
  const command = commands[url.pathname.replace(/^\/api\/v0\//, '')]
  if (command === undefined || request.method !== 'POST') {
    response.statusCode = command === undefined ? 404 : 405
    return response.end()
  }
  try {
    const reply = await command(url.searchParams, request, response)
    if (reply !== undefined) {
      response.setHeader('content-type', 'application/json')
      response.end(`${JSON.stringify(reply)}\n`)
    }
  } catch (error) {
    if (response.headersSent) return response.destroy(error)
    response.statusCode = 500
    response.end(JSON.stringify({ Message: String(error), Code: 0, Type: 'error' }))
  }
})
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`))
