"""What a Golem activity is told to do: the ExeScript.

    [{"deploy": {}}, {"start": {"args": []}},
     {"transfer": {"from": "http://example.org/a", "to": "container:/in/a"}},
     {"run": {"entry_point": "/bin/sh", "args": ["-c", "wc -c /in/a"]}},
     {"transfer": {"from": "container:/out/b", "to": "gftp://0xb3df../w1cR.."}},
     {"terminate": {}}]

What goes into the container and what runs there, in order, is the input. The
rest is plumbing: transfers out, captures, progress. A network between nodes is one
that the script asks for.
Fields that the exe-unit does not know it drops, `env` among them.
Source: ya-client model/src/activity/exe_script_command.rs; yagna
exe-unit/src/exe_unit.rs (the order of commands), exe-unit/src/runtime/process.rs;
research: golem 1.3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from invocation_spec.adapters.golem_package import parse_inside
from invocation_spec.adapters.golem_transfer import Inputs, Source, container_path
from invocation_spec.errors import DocumentError
from invocation_spec.model.values import check_text
from invocation_spec.node import ASCII_SPACE, Node, Struct
from invocation_spec.reading import Files, Reading, clean_at, made

__all__ = ["Command", "Script", "commands", "read_script"]


@dataclass(frozen=True, slots=True)
class Command:
    """One run: the path of a program in an image, or the ID of an entry point."""

    entry_point: str
    args: tuple[str, ...]
    at: str


@dataclass(slots=True)
class Script:
    """What was put before each run, and after the last; `incomplete` if more was."""

    runs: list[Command] = field(default_factory=list)
    puts: list[Files] = field(default_factory=lambda: [Files()])
    dirs: set[str] = field(default_factory=set)
    incomplete: bool = False


def read_script(reading: Reading, node: Node, inputs: Inputs, activity: str) -> Script:
    """The script of a whole activity: an array, its text, or `{"text": ..}`.

    Raises:
        DocumentError: an unknown command, one that cannot follow the last, or
            nothing that is run.
    """
    reader = _Reader(reading, inputs, activity)
    for item in commands(node):
        reader.read(item)
    script = reader.script
    if not script.runs and not reading.findings.impure:
        raise DocumentError("nothing is run; expected a run command", at=node.at)
    return script


def commands(node: Node) -> list[Node]:
    """The commands of a script, however it is written: each a map of one key.

    Raises:
        DocumentError: no script; what stands in its list is not judged.
    """
    if isinstance(node.value, Mapping):  # the body of the Activity API's POST
        body = node.struct()
        node = body["text"]
        for unknown in body.unknown():
            raise DocumentError("unknown; expected text alone", at=unknown.at)
    if isinstance(node.value, str):
        node = parse_inside(node.value.encode(), node.at)
    if not isinstance(node.value, list):
        raise node.refuse("an array of commands, or its text")
    return node.elements()


def _list(node: Node) -> list[Node]:
    if not node.is_null and not isinstance(node.value, list):
        raise node.refuse("a list of strings")
    return node.elements()


#: The state that a command needs, and the one it leaves; None is any.
_STATES = {
    "deploy": ("initialized", "deployed"),
    "start": ("deployed", "ready"),
    "run": ("ready", "ready"),
    "transfer": ("ready", "ready"),
    "sign": (None, None),
    "terminate": (None, "terminated"),
}


class _Reader:
    """Follows an activity from command to command, as the exe-unit does."""

    def __init__(self, reading: Reading, inputs: Inputs, activity: str) -> None:
        self.script = Script()
        self._reading = reading
        self._inputs = inputs
        self._activity = activity
        self._state = "initialized"

    def read(self, node: Node) -> None:
        entries = list(node.entries())
        if len(entries) != 1 or entries[0][0] not in _STATES:
            names = ", ".join(name for name, _ in entries) or "nothing"
            raise DocumentError(
                f"found {names}; expected one command of {', '.join(_STATES)}",
                at=node.at,
            )
        ((name, body),) = entries
        needed, left = _STATES[name]
        if self._state == "initialized" and needed in ("deployed", "ready"):
            self._miss_earlier_batch(node.at)
        elif needed is not None and needed != self._state:
            raise DocumentError(
                f"{name} where the activity is {self._state}; it has to be {needed}",
                at=node.at,
            )
        self._state = left or self._state
        fields = body.struct()
        if name in _READ:
            _READ[name](self, fields)
        self._reading.ignore(fields.unknown(), templates=False)

    def _miss_earlier_batch(self, at: str) -> None:
        # Batches of one activity share its file system: what an earlier one left
        # there is an input that this script does not state.
        reference = ":".join(filter(None, ("golem-activity", self._activity)))
        self._reading.findings.leave_unresolved(at, reference, "earlier-batch")
        self.script.incomplete = True

    def deploy(self, fields: Struct) -> None:
        # Every network gives a host some name, so one that is set asks for nothing.
        fields.pass_over("hostname", "progress")
        self._find_networks(fields["net"], fields["hosts"])
        self._drop_env(fields["env"])
        volumes = fields["volumes"]
        if isinstance(volumes.value, list):
            paths = [(item.text(), item) for item in volumes.elements()]
        else:
            paths = list(volumes.entries())
            for _, item in paths:
                kinds = [kind for kind, _ in item.entries()]
                if len(kinds) != 1 or kinds[0] not in ("host", "ram", "storage"):
                    raise item.refuse("one of host, ram and storage")
        # All kinds are new and empty for each activity; `host` is where the
        # provider keeps them, not a directory of its own.
        for path, item in paths:
            self.script.dirs.add(clean_at(path, item.at))

    def _find_networks(self, net: Node, hosts: Node) -> None:
        if net.elements():
            self._reading.findings.call_impure(
                net.at, "network", "joins a network with other nodes"
            )
        if any(hosts.entries()):
            self._reading.findings.call_impure(
                hosts.at, "network", "names other nodes, which a network reaches"
            )

    def start(self, fields: Struct) -> None:
        for item in _list(fields["args"]):
            if item.text() != "start-entrypoint":
                raise item.refuse("start-entrypoint, or nothing")
            self.script.incomplete = True
            self._reading.findings.call_impure(
                item.at,
                "start-entrypoint",
                "the image's own entrypoint runs beside the script",
            )

    def run(self, fields: Struct) -> None:
        fields.pass_over("capture")
        self._drop_env(fields["env"])
        entry = fields["entry_point"]
        if not entry.text():
            raise entry.refuse("a path in the image, or the ID of an entry point")
        args = tuple(item.text() for item in _list(fields["args"]))
        for item in (entry, *_list(fields["args"])):
            made(item.at, check_text, item.text(), "argument")
        self.script.runs.append(Command(entry.text(), args, fields.at))
        self.script.puts.append(Files())

    def transfer(self, fields: Struct) -> None:
        fields.pass_over("progress")
        target = fields["to"]
        source = Source.parse(fields["from"])
        taken = source.path
        path = container_path(target.text().strip(ASCII_SPACE), target.at)
        packed = [
            fields[name]
            for name in ("format", "depth", "fileset")
            if not fields[name].is_null
        ]
        if taken is None and path is None:
            raise target.refuse("a path in the container, at one end at least")
        if path is None:
            return  # out of the container: says which outputs are collected
        if taken is not None:
            self.script.incomplete = True
            self._reading.findings.call_impure(
                fields.at, "container-transfer", "copies what an earlier command left"
            )
        elif path == "/":
            raise target.refuse("the path of a file")
        elif packed:
            source.leave_packed(self._reading, self._inputs, packed[0].at)
            self.script.incomplete = True
        else:
            cid = source.content(self._reading, self._inputs)
            self.script.puts[-1].put(path, cid, target.at)

    def _drop_env(self, node: Node) -> None:
        if not node.is_empty:
            self._reading.findings.warn(
                node.at,
                "env-dropped",
                "Golem drops it: the image alone sets the environment",
            )


_READ: Mapping[str, Callable[[_Reader, Struct], None]] = {
    "deploy": _Reader.deploy,
    "start": _Reader.start,
    "run": _Reader.run,
    "transfer": _Reader.transfer,
}
