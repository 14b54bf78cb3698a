"""Which file is which output: what a requestor downloaded, by the path in the guest.

    {"transfer": {"from": "container:/golem/output/a.png", "to": "gftp://0xb3../w1cR.."}}
    FOLDER/golem/output/a.png, FOLDER/a.png or FOLDER/w1cR..   ->  /golem/output/a.png

Nothing that Golem reports has a digest of what was sent, so the bytes are hashed as
they lie there. A file counts only where one transfer, and no other, can have made it.
Source: yagna exe-unit/components/transfer; FORMATS 5; research: golem 3.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.paths import base_name

__all__ = ["Sent", "outputs_by_path"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A transfer out of the container: from a clean guest path, to a URL.

    One with a format sends an archive of what is at and below the path.
    """

    path: str
    to: str
    packed: bool = False

    def may_be(self, name: str) -> bool:
        """Whether it may have made the file at this path of the folder."""
        whole = f"/{name}"
        if self.packed:  # unpacked again: an archive has no bytes of the guest's
            return whole.startswith(self.path.rstrip("/") + "/")
        return whole == self.path or name in (base_name(self.path), _last(self.to))


def outputs_by_path(files: Mapping[str, CID], sent: Sequence[Sent]) -> dict[str, CID]:
    """The outputs by guest path, of files by their path in the folder.

    Raises:
        DocumentError: a file that no transfer made, or that several may have made;
            two files for one path.
    """
    found: dict[str, CID] = {}
    for name, cid in sorted(files.items()):
        makers = [item for item in sent if item.may_be(name)]
        exact = [item for item in makers if f"/{name}" == item.path]
        makers = exact or makers
        paths = {f"/{name}" if item.packed else item.path for item in makers}
        if len(paths) > 1:
            raise DocumentError(
                f"may be {' or '.join(sorted(paths))}; put it below the folder at its"
                " path in the container",
                at=name,
            )
        if not paths:
            raise DocumentError(_unknown(sent), at=name)
        (path,) = paths
        if path in found:
            raise DocumentError(f"a second file for {path}", at=name)
        found[path] = cid
    return found


def _unknown(sent: Sequence[Sent]) -> str:
    names = ", ".join(item.path for item in sent[:3]) or "none"
    more = ", .." if len(sent) > 3 else ""
    return (
        "made by no transfer that ended well after the last run; of these there are:"
        f" {names}{more}"
    )


def _last(url: str) -> str:
    path = url.partition("?")[0].partition("#")[0]
    return urllib.parse.unquote(base_name(path))
