// A cache that is not ours, in a version; `make interop-reapi` installs it.
module octostore/interop/reapi

go 1.25

require github.com/buchgr/bazel-remote/v2 v2.6.1
