"""One audit of one log: from its checkpoint to the last block, and what follows.

    key          whose log it is: pinned, seen before, or taken on trust this once
    checkpoint   signed by that key
    consistent   it goes on from the one seen last
    tiles        they hash to its root
    entries      every new one, through the one door, in order; map heads rebuilt
    chains       what the new statements show of their issuers
    cosigned     if asked to, and if all holds

Source: DESIGN 6; docs/spec/audit.md; ADR 19.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from octostore.audit.at_hand import AtHand
from octostore.audit.chains import examine
from octostore.audit.following import Follower, NotHeld, bundles_of
from octostore.audit.report import AuditReport, Fault, Progress
from octostore.audit.source import Source
from octostore.audit.state import (
    LogState,
    key_seen_at,
    own_folder,
    remember_key,
    store_folder,
)
from octostore.counted import entries
from octostore.errors import (
    LogStateError,
    NoteError,
    NotFoundError,
    ProofError,
    StoreCorruptError,
)
from octostore.fraud import Proof, TwoHistories, Withheld
from octostore.log import INDEX_MAX
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import Node, consistency_proof, range_root
from octostore.tlog.note import KeyType, VerifierKey, to_base64
from octostore.tlog.verified import VerifiedTiles
from octostore.tlog.witness import AddCheckpoint
from octostore.witness import Witness

__all__ = ["Key", "audit", "key_of"]


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a log, and why it is taken for that."""

    log: VerifierKey
    why: str


def key_of(source: Source, folder: Path, pinned: VerifierKey | None) -> Key:
    """The key to audit with.

    Raises:
        NoteError: the source names none, or none that is a log's.
        StoreCorruptError: our own notes cannot be read.
    """
    seen = key_seen_at(folder, source.name)
    if pinned is not None:
        if pinned.type != KeyType.ED25519:
            raise NoteError("the key of a witness; name that of the log")
        return Key(pinned, "as --log names it")
    if seen is not None:
        return Key(seen, "as seen there before")
    vkey = source.vkey()
    if vkey is None:
        raise NoteError(
            "names no key of its log; name it with --log VKEY (its operator prints it"
            " with `octostore log key`)",
            at=source.name,
        )
    key = VerifierKey.parse(vkey)
    if key.type != KeyType.ED25519:
        raise NoteError("names the key of a witness, not that of a log", at=source.name)
    return Key(key, "first use: taken on trust; pin it with --log")


def audit(
    source: Source,
    folder: Path,
    key: Key,
    *,
    clock_s: Callable[[], int],
    witnesses: tuple[VerifierKey, ...] = (),
    witness: Witness | None = None,
    progress: Progress = lambda what, done, total: None,
) -> AuditReport:
    """Verify what is new in a log, and keep what was verified in `folder`.

    One at a time for one log. What does not hold of it is in the report. If all
    holds, the `witness` signs the checkpoint.

    Raises:
        NotFoundError: there is no checkpoint.
        RemoteError: the source cannot be asked.
        FileError: it cannot be read.
        StoreLockedError: another audit of this log is under way.
        LogStateError: the witness does not know what it signed last.
        WitnessConflictError: it signed for somebody else meanwhile; run it again.
        StoreError: our disk; run it again.
    """
    with Octostore.open(store_folder(own_folder(folder, key.log))) as store:
        state = LogState.open(folder, key.log)
        run = _Run(source, state, store, clock_s, progress)
        run.report.step("key", f"{key.log}: {key.why}")
        run.look(witnesses)
        if witness is not None and run.report.holds:
            run.cosign(witness)
        if run.report.signed is not None:
            remember_key(folder, source.name, key.log)
        return run.report


class _Run:
    """The steps of one audit."""

    def __init__(
        self,
        source: Source,
        state: LogState,
        store: Octostore,
        clock_s: Callable[[], int],
        progress: Progress,
    ) -> None:
        self._source = source
        self._state = state
        self._store = store
        self._clock_s = clock_s
        self._progress = progress
        self.report = AuditReport(source.name, state.log, state.folder)
        self.tree: VerifiedTiles | None = None

    def look(self, witnesses: tuple[VerifierKey, ...]) -> None:
        """All steps, up to the first that does not hold; chains in any case."""
        signed = self._checkpoint(witnesses)
        if signed is not None:
            self.report.signed = signed
            if self._follows(signed):
                self._entries(signed)
        self.report.verified = self._store.checkpoint().size
        self._chains()

    def _checkpoint(
        self, witnesses: tuple[VerifierKey, ...]
    ) -> SignedCheckpoint | None:
        name = "checkpoint"
        raw = self._source.checkpoint()
        try:
            signed = SignedCheckpoint.open(raw, self._state.log, witnesses)
        except NoteError as error:
            self.report.fault(name, Fault("forged-checkpoint", str(error)))
            return None
        tree = signed.checkpoint
        if tree.size > INDEX_MAX:
            what = f"declares {entries(tree.size)}; a log has at most {INDEX_MAX}"
            self.report.fault(name, Fault("impossible-size", what))
            return None
        what = f"{entries(tree.size)}, root {to_base64(tree.root)}; its signature holds"
        self.report.step(name, what, size=tree.size)
        times = {item.by: item.time_s for item in signed.cosigned}
        for key in witnesses:
            if key in times:
                self.report.step("witness", f"{key.name} signed it at {times[key]}")
            else:
                what = f"{key.name} has not signed it"
                self.report.fault("witness", Fault("not-cosigned", what))
        return signed

    def _follows(self, signed: SignedCheckpoint) -> bool:
        """Whether the tree is there and goes on from what was seen; keeps it then."""
        size, seen = signed.checkpoint.size, self._state.seen
        mine = self._store.checkpoint()
        known = mine.size if seen is None else seen.checkpoint.size
        if size < known:
            self._smaller(signed, known)
            return False
        if seen is not None and size == known and self._apart(seen, signed, None):
            return False
        try:
            self.tree = tree = VerifiedTiles(
                self._source.tile, size, signed.checkpoint.root
            )
            if seen is not None and self._apart(seen, signed, tree):
                return False
            begins_same = range_root(tree, 0, mine.size) == mine.root
        except (ProofError, NotFoundError) as error:
            self._broken("tiles", error)
            return False
        if not begins_same:
            self._not_mine(seen)
            return False
        if seen is not None:
            new = size - known
            what = f"goes on from {entries(known)} seen before, {new} more"
            self.report.step("consistent", what, seen=known, new=new)
        self._state = replace(self._state, seen=signed).saved()
        return True

    def cosign(self, witness: Witness) -> None:
        """Let a witness sign the tree that holds, on its disk before it leaves."""
        signed, tree, vkey = self.report.signed, self.tree, witness.signer.verifier
        assert signed is not None  # noqa: S101 - all holds
        assert tree is not None  # noqa: S101
        before = witness.newest(self._state.log)
        old = 0 if before is None else before.checkpoint.size
        if old < self._state.cosigned.get(str(vkey), 0):
            raise LogStateError(
                f"has {entries(old)} of {self._state.log.name} as signed last; here it"
                f" signed {self._state.cosigned[str(vkey)]}: it was restored from an"
                " older copy, and might sign another history. Bring the newer back",
                at=str(witness.folder),
            )
        if old > tree.size:
            what = f"{entries(tree.size)}; this witness signed {old} before"
            self.report.fault("cosigned", Fault("smaller-tree", what))
            return
        if before is not None and self._apart(before, signed, tree):
            return
        path = consistency_proof(tree, old, tree.size)
        request = AddCheckpoint(old, path, bytes(signed))
        line = witness.cosign(self._state.log, request, self._clock_s())
        cosigned = {**self._state.cosigned, str(vkey): tree.size}
        self._state = replace(self._state, cosigned=cosigned).saved()
        self.report.cosignature = str(line)
        self.report.signed = signed.with_signatures([line], [vkey])
        self.report.step("cosigned", f"{entries(tree.size)}, by {vkey.name}")

    def _smaller(self, signed: SignedCheckpoint, known: int) -> None:
        """A tree with fewer entries than were seen: another history, or an old copy."""
        size, seen = signed.checkpoint.size, self._state.seen
        mine = self._store.checkpoint().size
        with self._store.view() as view:
            if seen is not None and mine >= known:
                if self._apart(signed, seen, view.node):
                    return
            elif size <= mine:
                root = range_root(view.node, 0, size)
                if root != signed.checkpoint.root:
                    self._not_mine(seen)
                    return
        what = (
            f"{entries(size)}; seen before: {known}. Rolled back, or an old copy is"
            " is served"
        )
        self.report.fault("consistent", Fault("smaller-tree", what))

    def _not_mine(self, seen: SignedCheckpoint | None) -> None:
        """The tree does not begin with what was verified of this log before."""
        if seen is not None:
            raise StoreCorruptError(
                "what was verified before is not how this log begins, though its"
                " checkpoints agree; move the folder away to begin anew",
                at=str(self._state.store),
            )
        what = "another tree than was verified before; no checkpoint of that is kept"
        self.report.fault("consistent", Fault(TwoHistories.kind, what))

    def _apart(
        self, old: SignedCheckpoint, new: SignedCheckpoint, node: Node | None
    ) -> bool:
        """Whether two checkpoints contradict each other; then the proof is kept.

        `node` is that of the tree of the new; trees of one size need none.
        """
        size, of = old.checkpoint.size, new.checkpoint.size
        root = new.checkpoint.root
        path: tuple[bytes, ...] = ()
        if size < of:
            assert node is not None  # noqa: S101
            root = range_root(node, 0, size)
            path = consistency_proof(node, size, of)
        if root == old.checkpoint.root:
            return False
        proof = TwoHistories(old, new, root, path)
        what = (
            f"two histories: {entries(size)} with root"
            f" {to_base64(old.checkpoint.root)}, and {of} that do not begin so"
        )
        saved = self._save(proof, f"{size}-{of}")
        self.report.fault("consistent", Fault(proof.kind, what, proof=saved))
        return True

    def _entries(self, signed: SignedCheckpoint) -> None:
        """Take all that is new."""
        assert self.tree is not None  # noqa: S101
        tree, store, begun = self.tree, self._store, self._store.checkpoint().size
        stopped: NotHeld | None = None
        broken: ProofError | NotFoundError | None = None
        bundles = bundles_of(begun, tree.size)
        with AtHand(store, self._source, bundles) as blocks:
            follower = Follower(
                store, self._source, tree, signed, self._clock_s, blocks
            )
            try:
                while stopped is None and store.checkpoint().size < tree.size:
                    self._progress("entries", store.checkpoint().size, tree.size)
                    stopped = follower.follow()
            except (ProofError, NotFoundError) as error:
                broken = error
        if broken is not None:
            self._broken("tiles", broken)
        else:
            what = f"{tree.count} read, each hashes to its place under the root"
            self.report.step("tiles", what, read=tree.count)
        mine = store.checkpoint()
        new, made, heads = mine.size - begun, follower.statements, follower.heads
        what = (
            f"{new} new, {mine.size} in all; statements verified: {made},"
            f" maps rebuilt: {heads}"
        )
        counts = {"new": new, "statements": made, "heads": heads}
        self.report.step("entries", what, verified=mine.size, **counts)
        if stopped is not None:
            self._stopped(stopped)
        elif broken is None and mine.root != signed.checkpoint.root:
            raise StoreCorruptError(
                "is not the log that it followed", at=str(store.path)
            )

    def _stopped(self, stopped: NotHeld) -> None:
        saved = None
        if stopped.proof is not None:
            saved = self._save(stopped.proof, str(stopped.index))
        what = f"entry {stopped.index}: {stopped.what}"
        is_absent = stopped.kind == Withheld.kind
        fault = Fault(stopped.kind, what, stopped.index, saved, is_absent)
        self.report.fault("entries", fault)

    def _broken(self, name: str, error: ProofError | NotFoundError) -> None:
        is_absent = isinstance(error, NotFoundError)
        kind = "missing-tile" if is_absent else "bad-tile"
        self.report.fault(name, Fault(kind, str(error), is_absent=is_absent))

    def _save(self, proof: Proof, name: str) -> Path:
        return self._state.save_proof(f"{proof.kind}-{name}.car", proof.car())

    def _chains(self) -> None:
        """What new statements show of their issuers, with proofs of equivocation."""
        with self._store.view() as view:
            examine(view, self._state, self.report, self._progress)
        if self._state.seen is not None:
            self._state = replace(self._state, examined=self.report.verified).saved()
