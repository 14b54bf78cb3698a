// Fetches CIDs through one gateway and prints, for each, what was read and verified:
//   node fetch.js http://127.0.0.1:8460 CID ..
// @helia/verified-fetch hashes each block before it is read.
import { createVerifiedFetchWithHelia } from '@helia/verified-fetch'
import { withHTTP } from '@helia/http'
import { createHeliaLight } from 'helia'
import * as dagCbor from '@ipld/dag-cbor'

const [gateway, ...cids] = process.argv.slice(2)
const helia = await withHTTP(createHeliaLight({ codecs: [dagCbor] }), {
  delegatedRouters: [gateway],
  recursiveGateways: [gateway],
  allowLocal: true,
  allowInsecure: true
}).start()
const verifiedFetch = await createVerifiedFetchWithHelia(helia)
for (const cid of cids) {
  const signal = AbortSignal.timeout(20_000)
  try {
    const answer = await verifiedFetch(`ipfs://${cid}`, { signal })
    const type = answer.headers.get('content-type')
    const bytes = Buffer.from(await answer.arrayBuffer()).toString('base64')
    console.log(JSON.stringify({ cid, status: answer.status, type, bytes }))
  } catch (error) {
    console.log(JSON.stringify({ cid, error: String(error) }))
  }
}
await verifiedFetch.stop()
process.exit(0)
