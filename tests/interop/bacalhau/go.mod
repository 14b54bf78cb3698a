module octostore.example/interop/bacalhau

go 1.25.7

require github.com/bacalhau-project/bacalhau v1.9.0

// As in Bacalhau's own go.mod, where they count for the main module only.
replace (
	google.golang.org/genproto => google.golang.org/genproto v0.0.0-20240701130421-f6361c86f094
	google.golang.org/grpc => google.golang.org/grpc v1.64.0
)

// v0.7.0, which Bacalhau asks for, lacks what its version of Docker's client calls.
replace github.com/docker/go-connections => github.com/docker/go-connections v0.5.0
