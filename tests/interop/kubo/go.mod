module octostore.example/interop/kubo

go 1.25.7

require github.com/ipfs/kubo v0.41.0
