"""What Bacalhau answers about jobs, of every version, as jobs and executions.

    GET /api/v1/orchestrator/jobs      {"Items" | "Jobs": [JOB..], "NextToken": ""}
    GET ../jobs/ID                     {"Job": JOB, "Executions": {"Items": [..]}}
    GET ../jobs/ID/executions          {"Items" | "Executions": [EXECUTION..]}
    bacalhau describe, V1beta          {"Job": JOB, "State": {"Executions": [..]}}
    bacalhau describe, v1alpha1        a JOB with "JobState": {"Nodes": {..}}

Jobs stay documents: `canonicalize` reads them. Of executions the fields that matter are
read, in each spelling that they had; what is unknown is passed over.
Source: bacalhau pkg/publicapi/apimodels/job.go and pkg/models/execution.go from v1.1,
pkg/model/{job,job_state,execution_state}.go at v1.0.3, pkg/model/v1alpha1/job.go;
`bacalhau job list|describe|executions --output json|yaml`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from invocation_spec.document import Document, Syntax, Tree, read_document, read_json
from invocation_spec.errors import DocumentError
from invocation_spec.node import escape, folded

__all__ = [
    "ANSWER_BYTES_MAX",
    "Answer",
    "Era",
    "Execution",
    "Fields",
    "Job",
    "read",
    "unfinished",
]

#: One saved answer: some 10,000 executions with all that they printed.
ANSWER_BYTES_MAX: Final = 128 << 20

#: Which of Bacalhau's three models an answer is of.
Era: TypeAlias = Literal["models", "V1beta", "v1alpha1"]

#: A map with its keys in lower case, as Go's JSON finds them.
Fields: TypeAlias = Mapping[str, Tree]

_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was answered; `version` where the answer states one.

    `made_ns` and `changed_ns` are by the server's clock, 0 where it says nothing.
    """

    id: str
    at: str
    document: Document
    version: int | None = None
    count: int = 1
    made_ns: int = 0
    changed_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One run of a job on one node, as it was answered.

    `state` is the number or word of the answer, `desired` what the requester said
    of it last; `revision` grows with each change of it. `version` and `partition` are
    None where the answer has no such field, which tells old servers from new ones.
    `output` is RunOutput, `published` the
    result that was published, None if there is none; `embedded` is the job as it was
    when the execution was made, in answers that repeat it. Times are Unix seconds.
    """

    id: str
    at: str
    job: str
    era: Era
    node: str | None
    state: int | str
    message: str = ""
    desired: str = ""
    version: int | None = None
    partition: int | None = None
    revision: int = 0
    output: Fields | None = None
    published: Fields | None = None
    old_spelling: bool = False
    started: int | None = None
    finished: int | None = None
    embedded: Job | None = field(default=None, repr=False)


@dataclass(slots=True)
class Answer:
    """What stands in one answer.

    `results` counts what `/results` gives, which names neither node nor execution;
    `other` what is neither that nor a job nor an execution. `next_token` is where
    the answer goes on, "" at the end; `is_page` if it is of a list, which may come
    in pages; `size` are its bytes.
    """

    at: str
    syntax: Syntax
    size: int = 0
    jobs: list[Job] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    results: int = 0
    other: int = 0
    next_token: str = ""
    is_page: bool = False


def read(data: bytes, at: str) -> Answer:
    """Read one answer; `at` is the file or URL that it came from.

    Raises:
        DocumentError: no JSON or YAML, too large, or a field of a shape that no
            version of Bacalhau gives it.
    """
    if len(data) > ANSWER_BYTES_MAX:
        raise DocumentError(
            f"{len(data)} bytes; an answer has at most {ANSWER_BYTES_MAX}", at=at
        )
    try:
        document = _document(data)
    except DocumentError as error:
        raise DocumentError(f"{at}: {error.reason}", at=error.at) from error
    answer = Answer(at, document.syntax, len(data))
    _take(answer, document.tree, f"{at}#")
    return answer


def unfinished(answers: Sequence[Answer]) -> Iterator[Answer]:
    """Of several answers those that go on on a page that is not among them.

    A page does not say which token asked for it. Of the pages of one list, of jobs or
    of the executions of a job, all but the last go on: where none is the last, the
    next of the one that came last is missing.
    """
    lists: dict[tuple[bool, str], list[Answer]] = {}
    for answer in answers:
        if answer.is_page:
            job = answer.executions[0].job if answer.executions else ""
            lists.setdefault((bool(answer.jobs), job), []).append(answer)
        elif answer.next_token:
            yield answer
    for pages in lists.values():
        if all(page.next_token for page in pages):
            yield pages[-1]


def _document(data: bytes) -> Document:
    if data.lstrip(b" \t\r\n")[:1] not in (b"{", b"["):
        return read_document(data)
    try:
        return Document(read_json(data.decode()), "json")
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 at byte {error.start}") from error


def _take(answer: Answer, tree: Tree, at: str) -> None:
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            _take_item(answer, item, f"{at}/{index}")
        return
    if not isinstance(tree, Mapping):
        raise DocumentError(f"{at}: expected an answer of Bacalhau: a map or a list")
    fields = _fields(tree, at)
    token = fields.get("nexttoken")
    if isinstance(token, str):
        answer.next_token = token
    lists = [name for name in _LISTS if isinstance(fields.get(name), list)]
    if lists and "job" not in fields and not _is_job(fields):
        answer.is_page = True
        for name in lists:
            below = f"{at}/{_spelled(tree, name)}"
            for index, item in enumerate(_list(fields[name])):
                _take_item(answer, item, f"{below}/{index}")
    else:
        _take_item(answer, tree, at)


#: Members that hold what was asked for; `Items` since v1.5.
_LISTS: Final = ("items", "jobs", "executions", "results")


def _take_item(answer: Answer, item: Tree, at: str) -> None:
    if not isinstance(item, Mapping):
        answer.other += 1
        return
    fields = _fields(item, at)
    if "computestate" in fields:
        answer.executions.append(_execution(answer, fields, at))
    elif isinstance(fields.get("job"), Mapping):
        _take_described(answer, item, fields, at)
    elif _is_job(fields):
        job = _take_job(answer, item, at)
        _take_nodes(answer, fields.get("jobstate"), job, f"{at}/JobState")
    elif fields.keys() <= {"type", "params"} and "type" in fields:
        answer.results += 1
    else:
        answer.other += 1


def _is_job(fields: Fields) -> bool:
    return "tasks" in fields or ("spec" in fields and "computestate" not in fields)


def _take_described(
    answer: Answer, tree: Mapping[str, Tree], fields: Fields, at: str
) -> None:
    """`{Job, State | Executions}`: the job alone is the document."""
    job = _take_job(answer, fields["job"], f"{at}/{_spelled(tree, 'job')}")
    inner = fields.get("executions")
    if isinstance(inner, Mapping):
        inner = _fields(inner, at).get("items")
    for index, item in enumerate(_list(inner)):
        _take_item(answer, item, f"{at}/Executions/{index}")
    state = fields.get("state")
    if isinstance(state, Mapping):
        said = _fields(state, at)
        on_node: Counter[str] = Counter()
        for index, item in enumerate(_list(said.get("executions"))):
            where = f"{at}/State/Executions/{index}"
            answer.executions.append(_v1beta(_map(item, where), job, where, on_node))
        _take_nodes(answer, state, job, f"{at}/State")


def _take_job(answer: Answer, tree: Tree, at: str) -> Job:
    job = _job(answer, tree, at)
    answer.jobs.append(job)
    return job


def _job(answer: Answer, tree: Tree, at: str) -> Job:
    fields = _map(tree, at)
    metadata = fields.get("metadata")
    inner = _map(metadata, at) if isinstance(metadata, Mapping) else {}
    id_ = _text(fields, "id") or _text(inner, "id")
    version = fields.get("version") if "tasks" in fields else None
    count = fields.get("count")
    return Job(
        id_,
        at,
        Document(tree, answer.syntax),
        version if type(version) is int else None,
        count if type(count) is int else 1,
        _nanoseconds(fields.get("createtime")),
        _nanoseconds(fields.get("modifytime")),
    )


def _execution(answer: Answer, fields: Fields, at: str) -> Execution:
    """An execution of v1.1 and later."""
    compute = _map(fields["computestate"], f"{at}/ComputeState")
    desired = fields.get("desiredstate")
    said = _map(desired, at) if isinstance(desired, Mapping) else {}
    output = fields.get("runoutput")
    job = fields.get("job")
    return Execution(
        id=_text(fields, "id"),
        at=at,
        job=_text(fields, "jobid"),
        era="models",
        node=_text(fields, "nodeid") or None,
        state=_state(compute.get("statetype"), at),
        message=_text(compute, "message"),
        desired=_text(said, "message"),
        version=_number(fields, "jobversion", at),
        partition=_number(fields, "partitionindex", at),
        revision=_number(fields, "revision", at) or 0,
        output=_map(output, at) if isinstance(output, Mapping) else None,
        published=_published(fields.get("publishedresult"), at),
        # v1.1.0 wrote `stdouttruncated`, v1.1.1 and later `StdoutTruncated`.
        old_spelling=isinstance(output, Mapping) and "stdouttruncated" in output,
        started=_seconds(fields.get("createtime")),
        finished=_seconds(fields.get("modifytime")),
        embedded=_job(answer, job, f"{at}/Job") if isinstance(job, Mapping) else None,
    )


def _v1beta(fields: Fields, job: Job, at: str, on_node: Counter[str]) -> Execution:
    """An execution of V1beta: its state is a word, its times are RFC 3339.

    Without a name of its own it is named by job and node, from the second one there on
    (`on_node` counts them) with its number: they are listed as they were made.
    """
    id_ = _text(fields, "computereference")
    node = _text(fields, "nodeid")
    if not id_:
        on_node[node] += 1
        number = f"/{on_node[node]}" if on_node[node] > 1 else ""
        id_ = f"{job.id}/{node}{number}"
    return Execution(
        id=id_,
        at=at,
        job=_text(fields, "jobid") or job.id,
        era="V1beta",
        node=node or None,
        state=_state(fields.get("state"), at),
        message=_text(fields, "status"),
        revision=_number(fields, "version", at) or 0,
        output=_optional(fields.get("runoutput"), at),
        published=_published(fields.get("publishedresults"), at),
        started=_seconds(fields.get("createtime")),
        finished=_seconds(fields.get("updatetime")),
    )


def _take_nodes(answer: Answer, state: Tree, job: Job, at: str) -> None:
    """`{Nodes: {NODE: {Shards: {N: ..}}}}`, as v1alpha1 and the first V1beta had it."""
    if not isinstance(state, Mapping):
        return
    nodes = _fields(state, at).get("nodes")
    if not isinstance(nodes, Mapping):
        return
    for name, node in nodes.items():
        below = f"{at}/Nodes/{escape(name)}/Shards"
        shards = _map(node, below).get("shards")
        if not isinstance(shards, Mapping):
            continue
        for number, shard in shards.items():
            where = f"{below}/{escape(str(number))}"
            fields = _map(shard, where)
            answer.executions.append(
                Execution(
                    id=f"{job.id}/{name}/{number}",
                    at=where,
                    job=job.id,
                    era="v1alpha1",
                    node=_text(fields, "nodeid") or name,
                    state=_state(fields.get("state"), where),
                    message=_text(fields, "status"),
                    output=_optional(fields.get("runoutput"), where),
                    published=_published(fields.get("publishedresults"), where),
                )
            )


def _published(value: Tree, at: str) -> Fields | None:
    """`{Type, Params}`, or a StorageSpec of old; None if it names nothing."""
    if not isinstance(value, Mapping):
        return None
    fields = _fields(value, at)
    params = fields.get("params")
    found = dict(_fields(params, at)) if isinstance(params, Mapping) else {}
    found |= {key: item for key, item in fields.items() if key != "params" and item}
    kind = found.pop("type", None) or found.pop("storagesource", None)
    return {"type": kind, **found} if kind and found else None


def _state(value: Tree, at: str) -> int | str:
    if isinstance(value, str) or type(value) is int:
        return value
    raise DocumentError(f"{at}: a state that is neither a number nor a word")


def _seconds(value: Tree) -> int | None:
    """Nanoseconds since 1970, or RFC 3339; None where the answer has no time."""
    if type(value) is int:
        return value // _NS if value > 0 else None
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    # Go's zero time is of the year 1.
    return int(at.timestamp()) if at.tzinfo is not None and at.year >= 1970 else None


def _nanoseconds(value: Tree) -> int:
    return value if type(value) is int and value > 0 else 0


def _number(fields: Fields, name: str, at: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise DocumentError(f"{at}: {name} is {value!r}; expected a number from 0")
    return value


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _optional(value: Tree, at: str) -> Fields | None:
    return _fields(value, at) if isinstance(value, Mapping) else None


def _map(value: Tree, at: str) -> Fields:
    if not isinstance(value, Mapping):
        raise DocumentError(f"{at}: expected a map")
    return _fields(value, at)


def _fields(tree: Mapping[str, Tree], at: str) -> Fields:
    found = {folded(key): value for key, value in tree.items()}
    if len(found) != len(tree):
        raise DocumentError(f"{at}: two spellings of one key; keep one")
    return found


def _list(value: Tree) -> Sequence[Tree]:
    return value if isinstance(value, list) else ()


def _spelled(tree: Mapping[str, Tree], name: str) -> str:
    return next(_keys(tree, name))


def _keys(tree: Mapping[str, Tree], name: str) -> Iterator[str]:
    return (key for key in tree if folded(key) == name)
