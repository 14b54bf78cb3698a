// Command tlogread reads a log with clients that are not Octostore's.
//
//	tlogread check SOURCE VKEY [OLD_CHECKPOINT]
//	tlogread proof FILE VKEY [WITNESS_VKEY]
//
// SOURCE is a URL or a folder. `check` lets Tessera's fsck hash every bundle and
// compare every tile, then proves with golang.org/x/mod/sumdb/tlog that entries are
// included and that smaller trees, among them that of OLD_CHECKPOINT, are how the log
// began. `proof` verifies a tlog-proof with torchwood.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// sampled is how many entries and how many smaller trees are proven.
const sampled = 64

func main() {
	err := errors.New("usage: tlogread check SOURCE VKEY [OLD] | proof FILE VKEY [WITNESS]")
	if args := os.Args[1:]; len(args) == 3 || len(args) == 4 {
		last := append(args, "")[3]
		switch args[0] {
		case "check":
			err = check(args[1], args[2], last)
		case "proof":
			err = proof(args[1], args[2], last)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlogread:", err)
		os.Exit(1)
	}
}

func check(source, vkey, old string) error {
	ctx := context.Background()
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	fetcher, reader, err := open(source)
	if err != nil {
		return err
	}
	if err := fsck.New(verifier.Name(), verifier, fetcher, leaves, fsck.Opts{N: 2}).Check(ctx); err != nil {
		return fmt.Errorf("tessera fsck: %w", err)
	}
	raw, err := fetcher.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	head, err := checkpoint(raw, verifier)
	if err != nil {
		return err
	}
	hashes := torchwood.TileHashReaderWithContext(ctx, head.Tree, reader)
	if err := proveEntries(ctx, fetcher, head, hashes); err != nil {
		return err
	}
	if err := proveTrees(head, hashes); err != nil {
		return err
	}
	if old != "" {
		raw, err := os.ReadFile(old)
		if err != nil {
			return err
		}
		before, err := checkpoint(raw, verifier)
		if err != nil {
			return err
		}
		if err := follows(before.Tree, head, hashes); err != nil {
			return fmt.Errorf("the old checkpoint: %w", err)
		}
	}
	fmt.Printf("%s: %d entries, all tiles and bundles hold\n", head.Origin, head.N)
	return nil
}

// open gives Tessera's fetcher and torchwood's reader of one log.
func open(source string) (fsck.Fetcher, torchwood.TileReader, error) {
	if !strings.Contains(source, "://") {
		reader, err := torchwood.NewTileFS(os.DirFS(source))
		return &client.FileFetcher{Root: source}, reader, err
	}
	base, err := url.Parse(source + "/")
	if err != nil {
		return nil, nil, err
	}
	fetcher, err := client.NewHTTPFetcher(base, nil)
	if err != nil {
		return nil, nil, err
	}
	reader, err := torchwood.NewTileFetcher(source)
	return fetcher, reader, err
}

func checkpoint(raw []byte, verifier note.Verifier) (torchwood.Checkpoint, error) {
	signed, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	return torchwood.ParseCheckpoint(signed.Text)
}

// proveEntries reads entries from their bundles and proves that the tree has them.
func proveEntries(ctx context.Context, fetcher fsck.Fetcher, head torchwood.Checkpoint, hashes tlog.HashReader) error {
	for _, index := range sample(head.N) {
		width := min(head.N-index/256*256, 256)
		raw, err := fetcher.ReadEntryBundle(ctx, uint64(index/256), uint8(width%256))
		if err != nil {
			return err
		}
		bundle := api.EntryBundle{}
		if err := bundle.UnmarshalText(raw); err != nil {
			return err
		}
		path, err := tlog.ProveRecord(head.N, index, hashes)
		if err != nil {
			return err
		}
		leaf := tlog.RecordHash(bundle.Entries[index%256])
		if err := tlog.CheckRecord(path, head.N, head.Hash, index, leaf); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return nil
}

func proveTrees(head torchwood.Checkpoint, hashes tlog.HashReader) error {
	for _, index := range sample(head.N) {
		root, err := tlog.TreeHash(index+1, hashes)
		if err != nil {
			return err
		}
		if err := follows(tlog.Tree{N: index + 1, Hash: root}, head, hashes); err != nil {
			return err
		}
	}
	return nil
}

func follows(before tlog.Tree, head torchwood.Checkpoint, hashes tlog.HashReader) error {
	if before.N == 0 {
		return nil
	}
	path, err := tlog.ProveTree(head.N, before.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, head.N, head.Hash, before.N, before.Hash)
}

// sample is up to so many places, the first and the last among them.
func sample(size int64) []int64 {
	var found []int64
	for n := int64(0); n < sampled && size > 0; n++ {
		index := n * (size - 1) / (sampled - 1)
		if len(found) == 0 || found[len(found)-1] != index {
			found = append(found, index)
		}
	}
	return found
}

func leaves(raw []byte) ([][]byte, error) {
	bundle := api.EntryBundle{}
	if err := bundle.UnmarshalText(raw); err != nil {
		return nil, err
	}
	var found [][]byte
	for _, entry := range bundle.Entries {
		found = append(found, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return found, nil
}

// proof verifies a tlog-proof whose extra data are the kind and block of an entry.
func proof(file, vkey, witness string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	policies := []torchwood.Policy{
		torchwood.OriginPolicy(verifier.Name()),
		torchwood.SingleVerifierPolicy(verifier),
	}
	if witness != "" {
		cosigner, err := torchwood.NewCosignatureVerifier(witness)
		if err != nil {
			return err
		}
		policies = append(policies, torchwood.SingleVerifierPolicy(cosigner))
	}
	policy := torchwood.ThresholdPolicy(len(policies), policies...)
	extra, err := torchwood.ProofExtraData(raw)
	if err != nil {
		return err
	}
	if len(extra) < 2 {
		return errors.New("no kind and block in the extra data")
	}
	digest := sha256.Sum256(extra[1:])
	entry := append([]byte{extra[0], 0x01, 0x71, 0x12, 0x20}, digest[:]...)
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entry), raw); err != nil {
		return err
	}
	fmt.Println("the proof holds")
	return nil
}
