"""Nix: what caches sign, claimed of the derivation whose output it is.

    narinfo      signs  path -> NAR         the path is named by a derivation's recipe
    realisation  signs  derivation -> path  the path is named by content; its NAR is
                                            known by itself or by a signed narinfo

One claim for each output and each signature that verifies with a key that is trusted;
its executor is that key's name, its result the NAR of the output. The signed text is
kept as evidence, with the texts of the derivation. What no signature covers is the
inputs' content: it is what the caches say, and the claim says whether that is signed.
Source: ADR 23; docs/spec/forms/nix.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from invocation_spec import CID, Outcome, Resolutions, canonicalize, nixstore
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from invocation_spec.derivation import Derivation, output_path, recipe_hash
from invocation_spec.errors import DidError, DocumentError, EncodingError
from invocation_spec.findings import Json
from invocation_spec.model import Input
from octostore.claiming import Reported, credentials
from octostore.errors import RecordError, SignatureError
from octostore.harvest.nix.records import PathInfo, Realisation
from octostore.harvest.nix.signature import SignedText, signature_of
from octostore.harvest.nix.source import (
    Cache,
    Derivations,
    narinfo_name,
    realisation_names,
    record_of,
)
from octostore.harvest.observed import Observed, Seen, Unclaimed
from octostore.result import Result

__all__ = ["NixCaches"]


_NO_OUTPUT = (
    "named by its content, or by nobody's derivation: it says what it holds, not what"
    " made it"
)


class _NotKnownError(RecordError):
    """Why one record gives no claim; caught where it is told."""


@dataclass(slots=True)
class NixCaches:
    """Caches, the derivations at hand, and whom to trust.

    `given` are resolutions that are believed before what caches say. The text of a
    derivation goes along with its claim, unless its environment holds what looks like
    a secret and nobody said that it may be published.
    """

    caches: Sequence[Cache]
    derivations: Derivations
    keys: Mapping[str, bytes]
    given: Resolutions
    publishes_credentials: bool = False
    _infos: dict[str, PathInfo | None] = field(default_factory=dict)
    _realised: dict[tuple[str, str], Realisation | None] = field(default_factory=dict)
    _recipes: dict[bytes, str] | None = None
    _hashes: dict[str, str] = field(default_factory=dict)

    def seen(self) -> Iterator[Seen]:
        """What the caches list; of those that list nothing, outputs of derivations."""
        silent = False
        records: list[tuple[str, PathInfo | Realisation]] = []
        for cache in self.caches:
            lists = False
            for name in cache.names():
                lists = True
                place = cache.place(name)
                try:
                    found = record_of(name, cache.read(name) or b"")
                except EncodingError as error:
                    yield Unclaimed(item=name, at=place, reason=error.reason)
                    continue
                records += [(place, record) for record in found]
            silent = silent or not lists
        for _, record in records:
            self._keep(record)
        for place, record in records:
            yield from self._of_record(place, record)
        if silent:
            yield from self._of_derivations({item.path for _, item in records})

    def _keep(self, record: PathInfo | Realisation) -> None:
        if isinstance(record, PathInfo):
            known = self._infos.get(record.path)
            if known is None or (known.nar == record.nar and not known.signatures):
                self._infos[record.path] = record
        elif record.derivation is not None:
            self._realised.setdefault((record.derivation, record.output), record)

    def _of_derivations(self, done: set[str]) -> Iterator[Seen]:
        for path in self.derivations:
            try:
                found = self._outputs(path)
            except (EncodingError, RecordError) as error:
                yield Unclaimed(item=path, at=path, reason=error.reason)
                continue
            for output, record in found.items():
                if record.path not in done:
                    yield from self._of_record(f"{path}^{output}", record)

    def _outputs(self, path: str) -> dict[str, PathInfo | Realisation]:
        """What caches say of the outputs of a derivation."""
        found = {}
        for output, item in self._need(path).outputs.items():
            if item.path:
                record: PathInfo | Realisation | None = self._info(item.path)
            elif item.algorithm and not item.hash:
                record = self._realisation(path, output)
            else:
                record = None
            if record is not None:
                found[output] = record
        return found

    def _of_record(self, at: str, record: PathInfo | Realisation) -> Iterator[Seen]:
        """A claim for each signature that verifies, or why there is none."""
        name = record.path if isinstance(record, PathInfo) else record.name
        if isinstance(record, PathInfo) and (record.ca or not record.deriver):
            yield Unclaimed(item=name, at=at, reason=_NO_OUTPUT)
            return
        if not record.signatures:
            yield Unclaimed(item=name, at=at, reason="nobody has signed it")
            return
        for text in record.signatures:
            key_name = text.partition(":")[0]
            item = f"{name} {key_name}"[:512]
            try:
                signed = self._signed(text, record.signed)
                yield self._observed(item, at, record, signed)
            except (EncodingError, DidError, SignatureError, RecordError) as error:
                yield Unclaimed(item=item, at=at, reason=error.reason)

    def _signed(self, text: str, message: bytes) -> SignedText:
        name, signature = signature_of(text)
        key = self.keys.get(name)
        if key is None:
            raise _NotKnownError(f"signed by {name}, whose key is not trusted")
        return SignedText(name, key, message, signature)

    def _observed(
        self, item: str, at: str, record: PathInfo | Realisation, signed: SignedText
    ) -> Observed:
        if isinstance(record, PathInfo):
            path, output = self._made_by(record)
            info, kept, others = record, [], []
        else:
            path, output = self._key_of(record), record.output
            info = self._need_info(record.path)
            kept, others = [info.data], self._verified(info)
        derivation = self.derivations[path]
        self._check_credentials(path, derivation)
        outcome, is_signed = self._outcome(derivation)
        texts = [derivation.text.encode(), *kept]
        if outcome.program is not None:
            resolved = derivation.resolved(self._built(derivation))
            texts.append(resolved.text.encode())
        evidence = {CID.of_bytes(data): data for data in texts}
        evidence |= {item.cid: item.block for item in (signed, *others)}
        evidence = {
            cid: data for cid, data in evidence.items() if len(data) <= BLOCK_BYTES_MAX
        }
        reported = Reported(
            network="nix",
            result=Result({f"/{output}": CID.of_digest(info.nar)}),
            executor=signed.name,
            job=path,
            evidence=evidence,
            native={
                "record": "narinfo" if record is info else "realisation",
                "store-path": info.path,
                "inputs": "signed" if is_signed else "as the cache says",
            },
        )
        return Observed(item=item, at=at, outcome=outcome, reported=reported)

    def _check_credentials(self, path: str, derivation: Derivation) -> None:
        env = {
            name: value
            for name, value in derivation.env.items()
            if name and "=" not in name
        }
        names = [] if self.publishes_credentials else credentials(Input(env=env))
        if names:
            raise _NotKnownError(
                f"the environment of {path} holds what looks like credentials:"
                f" {', '.join(names)}; --publish-credentials claims it all the same"
            )

    def _made_by(self, info: PathInfo) -> tuple[str, str]:
        """The derivation and the output that has this path, by its whole recipe."""
        path = info.deriver or ""
        derivation = self._need(path)
        for output, item in derivation.outputs.items():
            if item.path == info.path:
                name = nixstore.name_of(path).removesuffix(".drv")
                recipe = self._recipe(path)
                if output_path(recipe, name, output) != info.path:
                    raise _NotKnownError(f"{path} does not make {info.path}")
                return path, output
        raise _NotKnownError(f"{path} has no output {info.path}")

    def _key_of(self, record: Realisation) -> str:
        """The derivation that a realisation is of."""
        if record.derivation is not None:
            path = record.derivation
        else:
            path = self._by_recipe().get(record.recipe or b"", "")
        if not path:
            raise _NotKnownError(f"no derivation at hand is {record.name}")
        item = self._need(path).outputs.get(record.output)
        if item is None or item.path:
            raise _NotKnownError(
                f"{path} names its outputs by recipe; its narinfo says what is there"
            )
        return path

    def _by_recipe(self) -> dict[bytes, str]:
        """Derivations by the hash that older realisations name them with."""
        if self._recipes is None:
            self._recipes = {}
            for path in self.derivations:
                try:
                    self._recipes.setdefault(self._recipe(path), path)
                except (EncodingError, RecordError):
                    continue  # told when somebody asks for it
        return self._recipes

    def _recipe(self, path: str) -> bytes:
        return recipe_hash(self._need(path), self._need, self._hashes)

    def _need(self, path: str) -> Derivation:
        try:
            return self.derivations[path]
        except KeyError as error:
            raise _NotKnownError(
                f"its derivation {path or 'is not said, and'} is not at hand;"
                " --derivations says where they lie"
            ) from error

    def _info(self, path: str) -> PathInfo | None:
        if path not in self._infos:
            self._infos[path] = None
            name = narinfo_name(path)
            for cache in self.caches:
                data = cache.read(name)
                if data is None:
                    continue
                info = PathInfo.from_narinfo(data)
                if info.path == path:
                    self._infos[path] = info
                    break
        return self._infos[path]

    def _need_info(self, path: str) -> PathInfo:
        """What lies at a path named by content, if that can be known."""
        info = self._info(path)
        if info is None:
            raise _NotKnownError(f"what lies at {path} is not said by any cache")
        if not self._is_sure(info):
            raise _NotKnownError(
                f"nobody who is trusted has signed what lies at {path}, and the path"
                " does not say it"
            )
        return info

    def _is_sure(self, info: PathInfo) -> bool:
        return info.is_of_its_path or bool(self._verified(info))

    def _verified(self, record: PathInfo | Realisation) -> list[SignedText]:
        """The signatures of a record by keys that are trusted."""
        found = []
        for text in record.signatures:
            try:
                found.append(self._signed(text, record.signed))
            except (EncodingError, DidError, SignatureError, RecordError):
                continue  # another's signature: this one says nothing to us
        return found

    def _outcome(self, derivation: Derivation) -> tuple[Outcome, bool]:
        """The derivation, read with what caches say; whether all of that is signed."""
        meanings: dict[str, Json] = {
            f"nix:{drv}^{output}": path
            for (drv, output), path in self._built(derivation).items()
        }
        is_signed = all(
            self._is_named_surely(*key, path)
            for key, path in self._built(derivation).items()
        )
        stack = [*derivation.srcs, *map(str, meanings.values())]
        seen = set(stack)
        while stack:
            path = stack.pop()
            info = self._info(path)
            if info is None:
                continue  # it is told as unresolved
            is_given = f"nix:{path}" in self.given.source
            is_signed = is_signed and not is_given and self._is_sure(info)
            meanings[f"nix:{path}"] = {
                "nar": f"sha256:{info.nar.hex()}",
                "references": list(info.references),
            }
            new = [one for one in info.references if one not in seen]
            seen.update(new)
            stack += new
        meanings |= self.given.source
        try:
            resolutions = Resolutions.parse(json.dumps(meanings).encode())
            (outcome,) = canonicalize(
                derivation.text.encode(), resolutions, network="nix"
            )
        except DocumentError as error:
            raise _NotKnownError(f"its derivation is refused: {error}") from error
        return outcome, is_signed

    def _built(self, derivation: Derivation) -> dict[tuple[str, str], str]:
        """Paths of the outputs that a derivation needs, as far as they are known."""
        found = {}
        for drv, outputs in derivation.drvs.items():
            for output in outputs:
                path = self._path_of(drv, output)
                if path is not None:
                    found[drv, output] = path
        return found

    def _is_named_surely(self, drv: str, output: str, path: str) -> bool:
        """Whether an output has this path by a recipe, or by a trusted signature."""
        item = self._need(drv).outputs.get(output)
        if item is not None and item.path == path:
            return True
        found = self._realisation(drv, output)
        return found is not None and found.path == path and bool(self._verified(found))

    def _path_of(self, drv: str, output: str) -> str | None:
        given = self.given.source.get(f"nix:{drv}^{output}")
        if isinstance(given, str):
            return given
        item = self._need(drv).outputs.get(output)
        if item is not None and item.path:
            return item.path
        realisation = self._realisation(drv, output)
        return None if realisation is None else realisation.path

    def _realisation(self, drv: str, output: str) -> Realisation | None:
        """The realisation of an output that is named by content."""
        key = (drv, output)
        if key not in self._realised:
            recipe = self._recipe(drv)
            names = realisation_names(recipe, drv, output)
            self._realised[key] = next(
                (
                    record
                    for cache in self.caches
                    for name in names
                    for record in record_of(name, cache.read(name) or b"{}")
                    if isinstance(record, Realisation)
                    and record.output == output
                    and (record.derivation == drv or record.recipe == recipe)
                ),
                None,
            )
        return self._realised[key]
