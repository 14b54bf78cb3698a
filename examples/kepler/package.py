"""Packs kepler.wasm as a task package for Golem's wasmtime runtime.

The package is a zip of the module and of a manifest that names its one entry
point and the directories it sees. Golem names a package by the hash of the zip,
so the zip is made the same way every time: fixed order, fixed dates, stored.
"""

import json
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can express
MANIFEST = {
    "id": "octostore/examples/kepler",
    "name": "kepler",
    "entry-points": [{"id": "kepler", "wasm-path": "kepler.wasm"}],
    "mount-points": [{"ro": "inputs"}, {"rw": "outputs"}],
}


def main() -> None:
    """Writes package.zip beside this file."""
    members = {
        "manifest.json": (json.dumps(MANIFEST, indent=2) + "\n").encode(),
        "kepler.wasm": (HERE / "kepler.wasm").read_bytes(),
    }
    with zipfile.ZipFile(HERE / "package.zip", "w") as package:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.create_system = 3  # Unix, whichever system packs it
            info.external_attr = 0o100644 << 16
            package.writestr(info, content)


if __name__ == "__main__":
    main()
