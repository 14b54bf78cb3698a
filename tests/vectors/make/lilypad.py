"""Lilypad's modules and their templates: invocation/lilypad.json.

python -m tests.vectors.make.lilypad
"""

from __future__ import annotations

import json
from typing import Any

from tests.vectors.make.bacalhau_terms import (
    ECHO,
    ENTRY,
    FILE,
    HEX,
    IMAGE,
    INDEX,
    NETWORK,
    OCI,
    V0,
    V1,
    WASI,
    beta,
    beta_wasm,
)
from tests.vectors.make.cases import (
    canonical,
    case,
    impure,
    refused,
    unresolved,
    write,
)

TAG = "oci:docker.io/example/tool:v1"
URL = "https://example.org/d/a.csv"
ENV = "/job/Spec/Docker/EnvironmentVariables"
DEFAULTED = "input-defaulted"
VERSIONS = "version-dependent"
MACHINE = {"gpu": 0, "cpu": 1000, "ram": 100}


def module(job: Any, **more: Any) -> dict[str, Any]:
    """A rendered module."""
    return {"machine": MACHINE, "job": job, **more}


def template(
    env: str = "", *, image: str = IMAGE, command: str = '"echo", "hi"'
) -> str:
    """A module's file as people write it: JSON but for the actions."""
    return f"""{{
  "machine": {{"gpu": 0, "cpu": 1000, "ram": 100}},
  "job": {{
    "APIVersion": "V1beta1",
    "Spec": {{
      "Deal": {{"Concurrency": 1}},
      "Docker": {{
        "Entrypoint": [{command}],
        "EnvironmentVariables": [
          {env}
        ],
        "Image": "{image}"
      }},
      "Engine": "Docker",
      "Network": {{"Type": "None"}},
      "PublisherSpec": {{"Type": "IPFS"}},
      "Timeout": 1800,
      "Verifier": "Noop"
    }}
  }}
}}
"""


def offer(text: str, **inputs: Any) -> dict[str, Any]:
    """A template with the inputs of a job offer."""
    return {"template": text, "inputs": inputs}


def with_env(**env: str) -> dict[str, Any]:
    """`echo hi` with an environment."""
    return ECHO | {"env": env}


#: As the module that greets has it: the default's name is not the input's.
MESSAGE = (
    '{{ if .Message }}"{{ subst "MESSAGE=%s" .Message }}"'
    '{{else}}"Message=Hello World"{{ end }}'
)
SEED = '{{ if .Seed }}"{{ subst "SEED=%s" .Seed }}"{{else}}"SEED=42"{{ end }}'
COW = '{{ if .Cow }}"{{ subst "COW=%s" .Cow }}",{{else}}"COW=small",{{ end }}\n'


def modules() -> None:
    """Rendered modules: the job by the rules of V1beta."""
    container = "container with a command"
    for name, why, document, warnings in (
        ("module", "the machine is where it runs, not what", module(beta()), [INDEX]),
        (
            "module-described",
            "who made it, what it is for and how long it may take are not identity",
            module(
                beta(Timeout=1800, Deal={"Concurrency": 1}),
                author={"name": "a"},
                description="d",
                image="https://example.org/i.png",
                model={"name": "m"},
                executionTimeoutSeconds=600,
                inputFiles={"required": [], "optional": None},
            ),
            [INDEX],
        ),
        (
            "module-keys-in-another-case",
            "keys match as Go reads them",
            {"Machine": {}, "JOB": beta()},
            [INDEX],
        ),
        (
            "module-v1beta2",
            "a newer label on the same job",
            module(beta(version="V1beta2")),
            [INDEX],
        ),
        (
            "module-unknown-field",
            "passed over, and told",
            module(beta(), version=1),
            [INDEX, "ignored-field"],
        ),
    ):
        case(
            name,
            why,
            document,
            canonical(OCI, ECHO, warnings=warnings),
            family=container,
        )
    case(
        "module-for-lilypad",
        "the network that it was written for may be named",
        module(beta()),
        canonical(OCI, ECHO),
        network="lilypad",
    )
    case(
        "module-wasm",
        "both engines of V1beta",
        module(beta_wasm()),
        canonical(WASI, {}, warnings=[VERSIONS]),
        family="module alone",
    )
    case(
        "module-wasm-without-entry-point",
        "as in V1beta",
        module(beta_wasm({"EntryPoint": ""})),
        canonical(WASI, {}, warnings=[ENTRY, VERSIONS]),
    )
    case(
        "module-network-by-default",
        "a job that says nothing of a network",
        module(beta(Network=...)),
        canonical(OCI, ECHO, warnings=[INDEX, NETWORK]),
    )
    case(
        "module-yaml",
        "as any other document",
        f"machine: {{gpu: 0}}\njob: {json.dumps(beta())}\n",
        canonical(OCI, ECHO),
    )
    several_versions()
    open_modules()
    broken_modules()


def several_versions() -> None:
    """What nodes since v2.11.0 read otherwise: warned of, and read as before."""
    mount = {"StorageSource": "IPFS", "CID": V0, "Path": "/in"}
    more = {"StorageSource": "IPFS", "CID": V0, "Path": "/more"}
    case(
        "module-of-all-that-is-dropped",
        "inputs, contexts, working directory and parameters: one warning each",
        module(
            beta(
                {
                    "Entrypoint": ["echo"],
                    "Parameters": ["hi"],
                    "WorkingDirectory": "/w",
                },
                version="V1beta2",
                Inputs=[mount],
                Contexts=[more],
                EngineSpec={"Type": "wasm"},
            )
        ),
        canonical(
            OCI,
            ECHO | {"cwd": "/w", "files": {"/in": V1, "/more": V1}},
            warnings=[INDEX, *[VERSIONS] * 5],
        ),
    )
    empty = {"Entrypoint": ["echo", "hi"], "Parameters": [], "WorkingDirectory": ""}
    case(
        "module-of-nothing-that-is-dropped",
        "empty fields are dropped without a loss",
        module(beta(empty, version="V1beta2", Inputs=[], Contexts=None)),
        canonical(OCI, ECHO, warnings=[INDEX]),
    )
    case(
        "module-entrypoint-empty-list",
        "as absent before v2.11.0, clears the image's since",
        module(beta({"Entrypoint": []})),
        canonical(OCI, {}, warnings=[INDEX, VERSIONS]),
    )
    case(
        "module-engine-spec",
        "Bacalhau reads it, a newer node of Lilypad does not",
        module(
            beta(
                version="V1beta2",
                Engine=...,
                Docker=...,
                EngineSpec={
                    "Type": "docker",
                    "Params": {"Image": IMAGE, "Entrypoint": ["echo", "hi"]},
                },
            )
        ),
        canonical(OCI, ECHO, warnings=[INDEX, VERSIONS]),
    )


def open_modules() -> None:
    """Modules that are unresolved or impure."""
    at = "/job/Spec/Docker/Image"
    case(
        "module-tag",
        "a tag moves",
        module(beta({"Image": "example/tool:v1"})),
        unresolved(None, ECHO, (at, TAG, "oci-tag")),
    )
    case(
        "module-tag-resolved",
        "until a resolution pins it",
        module(beta({"Image": "example/tool:v1"})),
        canonical(OCI, ECHO),
        resolutions={TAG: f"sha256:{HEX}"},
    )
    source = {"StorageSource": "URLDownload", "URL": URL, "Path": "/in"}
    case(
        "module-url",
        "a URL fixes nothing",
        module(beta(Inputs=[source])),
        unresolved(OCI, None, ("/job/Spec/Inputs/0/URL", URL, "url")),
    )
    case(
        "module-url-resolved",
        "a download lands below its target, as in V1beta",
        module(beta(Inputs=[source])),
        canonical(OCI, ECHO | {"files": {"/in/a.csv": FILE}}),
        resolutions={URL: str(FILE)},
    )
    case(
        "module-glob",
        "a glob makes as many jobs as it finds entries",
        module(beta(Sharding={"GlobPattern": "/*"})),
        unresolved(OCI, ECHO, ("/job/Spec/Sharding/GlobPattern", "/*", "sharding")),
    )
    for field in ("required", "optional"):
        case(
            f"module-input-files-{field}",
            "files of the offer, mounted from the node and open to writing",
            module(beta(), inputFiles={field: ["a.csv"]}),
            impure(OCI, ECHO, (f"/inputFiles/{field}", "read-write-mount")),
        )
    case(
        "module-network",
        "asks for a network",
        module(beta(Network={"Type": "Full"})),
        impure(OCI, ECHO, ("/job/Spec/Network/Type", "network")),
    )
    case(
        "module-not-rendered",
        "JSON with an action in a string is a template that nobody rendered",
        module(beta({"Entrypoint": ["echo", "{{.Words}}"]})),
        impure(OCI, None, ("/job/Spec/Docker/Entrypoint/1", "template")),
    )
    field = "{{if .Z}}EnvironmentVariables{{else}}Unused{{end}}"
    case(
        "module-field-not-rendered",
        "with an input Z the job has a variable more",
        module(beta({field: ["A=b"]})),
        impure(None, None, (f"/job/Spec/Docker/{field}", "template")),
    )
    case(
        "module-own-field-not-rendered",
        "beside the job too: inputFiles, perhaps",
        module(beta(), **{"{{.Field}}": {}}),
        impure(None, None, ("/{{.Field}}", "template")),
    )
    case(
        "bundle-unasked-input-with-braces",
        "the name of an input that nothing asks for is no part of a module",
        offer(template(SEED), **{"Seed": "7", "{{.A}}": "1"}),
        canonical(OCI, with_env(SEED="7"), warnings=[INDEX, "ignored-field"]),
    )


def broken_modules() -> None:
    """Modules that are refused."""
    unlabelled = {"Spec": beta()["Spec"]}
    for name, why, document, at, network in (
        (
            "without-version",
            "nobody says how to read the job",
            module(unlabelled),
            "/job/APIVersion",
            None,
        ),
        (
            "input-files-in-a-map",
            "a list is due",
            module(beta(), inputFiles={"optional": {"a": "b"}}),
            "/inputFiles/optional",
            None,
        ),
        (
            "v1alpha1",
            "Lilypad never had such jobs",
            module(beta(version="V1alpha1")),
            "/job/APIVersion",
            "lilypad",
        ),
        (
            "without-spec",
            "no job",
            module({"APIVersion": "V1beta1"}),
            "/job/Spec",
            None,
        ),
        (
            "spec-beside-the-job",
            "two jobs in one document",
            module(beta(), Spec={}),
            "/Spec",
            None,
        ),
        (
            "two-jobs",
            "keys match without regard to case, so these are one",
            {**module(beta()), "Job": beta()},
            None,
            None,
        ),
        (
            "for-bacalhau",
            "a machine beside a job is Lilypad's",
            module(beta()),
            None,
            "bacalhau",
        ),
        (
            "job-for-lilypad",
            "a job without a machine is Bacalhau's",
            {"Job": beta()},
            None,
            "lilypad",
        ),
        (
            "parameters",
            "servers differ on them, as in V1beta1",
            module(beta({"Parameters": ["-n"]})),
            "/job/Spec/Docker/Parameters",
            None,
        ),
    ):
        more = {} if network is None else {"network": network}
        case(f"module-{name}", why, document, refused(at), **more)


def templates() -> None:
    """Templates as they stand: rendered as for an offer without inputs."""
    case(
        "template-defaults",
        "without inputs the defaults hold, and each is told",
        template(COW + MESSAGE),
        canonical(
            OCI,
            with_env(**{"COW": "small", "Message": "Hello World"}),
            warnings=[INDEX, DEFAULTED, DEFAULTED],
        ),
    )
    case(
        "template-seed",
        "a seeded computation is one by its default seed",
        template(SEED),
        canonical(OCI, with_env(SEED="42"), warnings=[INDEX, DEFAULTED]),
    )
    case(
        "template-rendered-is-the-module",
        "what a template gives is what its rendering is",
        template('{{ if .X }}"A=b"{{ end }}'),
        canonical(OCI, ECHO, warnings=[INDEX, DEFAULTED]),
        family="container with a command",
    )
    case(
        "template-if-in-if",
        "an outer default leaves out what stands inside",
        template('{{if .A}}{{ if .B }}"A=1"{{else}}{{.C}}{{end}}{{else}}"B=2"{{end}}'),
        canonical(OCI, with_env(B="2"), warnings=[INDEX, DEFAULTED]),
    )
    case(
        "template-percent",
        "two of them are one",
        template('"{{ subst "A=100%%" }}"'),
        canonical(OCI, with_env(A="100%"), warnings=[INDEX]),
    )
    case(
        "template-tag",
        "rendered, and then a tag",
        template(SEED, image="example/tool:v1"),
        unresolved(
            None,
            with_env(SEED="42"),
            ("/job/Spec/Docker/Image", TAG, "oci-tag"),
        ),
    )
    case(
        "template-tag-resolved",
        "which a resolution pins",
        template(SEED, image="example/tool:v1"),
        canonical(OCI, with_env(SEED="42")),
        resolutions={TAG: f"sha256:{HEX}"},
    )
    case(
        "template-tag-without-command",
        "the image's configuration may decide what the input is",
        template(SEED, image="example/tool:v1", command=""),
        unresolved(None, None, ("/job/Spec/Docker/Image", TAG, "oci-tag")),
    )
    text = template(SEED, image="example/{{ if .Tool }}x{{ else }}tool{{ end }}:v1")
    case(
        "template-tag-in-part-by-default",
        "an action may stand inside a JSON string",
        text,
        unresolved(
            None, with_env(SEED="42"), ("/job/Spec/Docker/Image", TAG, "oci-tag")
        ),
    )
    case(
        "template-that-is-json",
        "the same actions where the file is JSON as it stands: read as JSON it is a"
        " module that nobody rendered; a bundle says that it is a template",
        text.replace(SEED, ""),
        impure(None, ECHO, ("/job/Spec/Docker/Image", "template")),
    )
    left_templates()
    broken_templates()


def left_templates() -> None:
    """Templates that are not rendered here."""
    for name, why, env, left in (
        ("input-without-default", "Lilypad renders no JSON of it", "{{.Message}}", 1),
        (
            "subst-without-default",
            "subst of no input fails",
            '"{{ subst "A=%s" .A }}"',
            1,
        ),
        (
            "json-with-a-key-twice",
            "no JSON by our rules, so a template, and none that is rendered here",
            '"a{{.B}}"], "EnvironmentVariables": [',
            1,
        ),
        ("range", "a loop", '{{ range .A }}"A={{.}}"{{ end }}', 2),
        ("with", "a scope", "{{ with .A }}{{.}}{{ end }}", 2),
        ("else-if", "a chain", '{{if .A}}"A=1"{{else if .B}}"B=1"{{end}}', 1),
        ("trim", "trims the text around it", '{{- if .A }}"A=1"{{ end -}}', 2),
        ("pipeline", "a pipeline", "{{ .A | printf }}", 1),
        ("function", "a function of Go's", '{{ printf "%s" .A }}', 1),
        ("comment", "a comment, which Go leaves out", "{{/* seeds */}}", 1),
        ("variable", "a variable", '{{ $a := "A=b" }}"{{ $a }}"', 2),
        ("condition", "a condition of two", '{{ if and .A .B }}"A=1"{{ end }}', 1),
        ("deep-field", "an input has no fields", "{{.A.B}}", 1),
        ("verb", "a number is no input", '"{{ subst "A=%d" .A }}"', 1),
        (
            "verbs-and-inputs",
            "two of one and one of the other",
            '{{subst "%s%s" .A}}',
            1,
        ),
        ("raw-string", "Go's other quotes", "{{ subst `A=%s` .A }}", 1),
        ("escape", "an escape of Go's", '{{ subst "A\\x3d%s" .A }}', 1),
        ("definition", "a template of its own", '{{ define "x" }}{{ end }}', 1),
    ):
        case(
            f"template-{name}",
            f"{why}: not rendered here",
            template(env),
            impure(None, None, *[("", "template")] * left),
        )
    case(
        "template-two-left",
        "each is named",
        template('{{ template "x" }}, {{ block "y" . }}'),
        impure(None, None, ("", "template"), ("", "template")),
    )


def broken_templates() -> None:
    """Templates that Go or JSON would not read."""
    for name, why, text in (
        ("not-closed", "an action ends", template("{{ if .A ").replace("}}", "} }")),
        ("if-without-end", "an if ends", template('{{ if .A }}"A=1"')),
        ("end-without-if", "an end ends something", template("{{ end }}")),
        ("else-without-if", "an else belongs to an if", template("{{ else }}")),
        (
            "two-elses",
            "an if has one",
            template("{{ if .A }}{{ else }}{{ else }}{{ end }}"),
        ),
        (
            "gives-no-json",
            "a comma is missing once it is rendered",
            template('"A=b" ' + MESSAGE),
        ),
        (
            "gives-a-key-twice",
            "what is rendered is a document like any other",
            template(SEED).replace('"Timeout"', '"Engine": "Docker", "Timeout"'),
        ),
        (
            "of-nobody",
            "no JSON, and a template of no network",
            '{"Tasks": [{{ range .A }}]}',
        ),
    ):
        case(f"template-{name}", why, text, refused())
    case(
        "template-gives-no-version",
        "places are those of the JSON that is rendered",
        template(SEED).replace('"V1beta1"', '"V2"'),
        refused("/job/APIVersion"),
    )
    case(
        "template-for-bacalhau",
        "the network has no templates",
        template(SEED),
        refused(),
        network="bacalhau",
    )


def bundles() -> None:
    """A template with the inputs of a job offer."""
    case(
        "bundle",
        "an input takes the place of its default: MESSAGE is not Message, so that this"
        " is another invocation than the defaults, word for word the same",
        offer(template(COW + MESSAGE), Message="Hello World"),
        canonical(
            OCI,
            with_env(COW="small", MESSAGE="Hello World"),
            warnings=[INDEX, DEFAULTED],
        ),
    )
    case(
        "bundle-of-the-default",
        "an input that says the default is the default",
        offer(template(SEED), Seed="42"),
        canonical(OCI, with_env(SEED="42"), warnings=[INDEX]),
    )
    for name, document in (
        ("without-inputs", {"template": template(SEED)}),
        ("of-no-inputs", offer(template(SEED))),
        ("of-null", {"template": template(SEED), "inputs": None}),
    ):
        case(
            f"bundle-{name}",
            "is the template as it stands",
            document,
            canonical(OCI, with_env(SEED="42"), warnings=[INDEX, DEFAULTED]),
        )
    case(
        "bundle-of-a-module",
        "a template without actions is what it says",
        offer(json.dumps(module(beta()))),
        canonical(OCI, ECHO, warnings=[INDEX]),
        family="container with a command",
    )
    case(
        "bundle-empty-input",
        "an input that is named is present, an empty one too",
        offer(template(MESSAGE), Message=""),
        canonical(OCI, with_env(MESSAGE=""), warnings=[INDEX]),
    )
    words = 'a "b"\n\\ é {'
    case(
        "bundle-input-as-json",
        "an input alone is a whole JSON string, escaped as it must be",
        offer(template(command='"echo", {{.Words}}'), Words=words),
        canonical(OCI, {"argv": ["echo", words]}, warnings=[INDEX]),
    )
    case(
        "bundle-two-in-one",
        "each %s takes the next input; an input's own % is text",
        offer(template('"{{ subst "A=%s-%s" .X .Y }}"'), X="%s", Y="%d"),
        canonical(OCI, with_env(A="%s-%d"), warnings=[INDEX]),
    )
    case(
        "bundle-input-breaks-out",
        "subst escapes nothing: what Lilypad makes of this are two variables",
        offer(template(MESSAGE), Message='a","B=c'),
        canonical(OCI, with_env(MESSAGE="a", B="c"), warnings=[INDEX]),
    )
    case(
        "bundle-input-unused",
        "no part of the job",
        offer(template(SEED), Seed="42", Other="x"),
        canonical(OCI, with_env(SEED="42"), warnings=[INDEX, "ignored-field"]),
    )
    case(
        "bundle-input-in-the-other-branch",
        "an if holds for the input that it names",
        offer(
            template('{{ if .A }}"A=1"{{ else }}"B={{ if .B }}2{{end}}"{{ end }}'), B=""
        ),
        canonical(OCI, with_env(B="2"), warnings=[INDEX, DEFAULTED]),
    )
    open_bundles()
    broken_bundles()


def open_bundles() -> None:
    """Bundles that are unresolved or impure."""
    tagged = 'example/tool:{{ if .Tag }}{{ subst "%s" .Tag }}{{ else }}v1{{ end }}'
    image = "/job/Spec/Docker/Image"
    case(
        "bundle-tag",
        "the default's tag",
        offer(template(image=tagged)),
        unresolved(None, ECHO, (image, TAG, "oci-tag")),
    )
    case(
        "bundle-tag-by-input",
        "another tag by an input",
        offer(template(image=tagged), Tag="v2"),
        unresolved(None, ECHO, (image, TAG[:-1] + "2", "oci-tag")),
    )
    case(
        "bundle-tag-by-input-without-command",
        "the image's configuration may decide what the input is",
        offer(template(image=tagged, command=""), Tag="v2"),
        unresolved(None, None, (image, TAG[:-1] + "2", "oci-tag")),
    )
    case(
        "bundle-digest-by-input",
        "an input may pin the image",
        offer(template(image=tagged), Tag=f"v1@sha256:{HEX}"),
        canonical(OCI, ECHO, warnings=[INDEX]),
    )
    case(
        "bundle-input-missing",
        "an input without a default that the offer does not name",
        offer(template(command='"echo", {{.Words}}'), Seed="1"),
        impure(None, None, ("/template", "template")),
    )
    case(
        "bundle-action-left",
        "inputs do not help where it takes Go",
        offer(template('{{ range .A }}"A={{.}}"{{ end }}'), A="1"),
        impure(None, None, ("/template", "template"), ("/template", "template")),
    )
    case(
        "bundle-input-with-braces",
        "rendered once; braces that an input brings are a template to whoever reads on",
        offer(template(MESSAGE), Message="{{.Other}}"),
        impure(OCI, None, (f"{ENV}/0", "template")),
    )
    case(
        "bundle-input-files",
        "files of the offer are in no bundle",
        offer(template(SEED).replace("{\n", '{"inputFiles": {"required": ["a"]},', 1)),
        impure(OCI, with_env(SEED="42"), ("/inputFiles/required", "read-write-mount")),
    )


def broken_bundles() -> None:
    """Bundles that are refused."""
    for name, why, document, at in (
        (
            "input-number",
            "inputs are text to Lilypad",
            offer(template(SEED), Seed=42),
            "/inputs/Seed",
        ),
        (
            "inputs-list",
            "inputs have names",
            {"template": template(SEED), "inputs": ["Seed=42"]},
            "/inputs",
        ),
        (
            "unknown-field",
            "what it would mean is not known",
            {**offer(template(SEED)), "Inputs": {}},
            "/Inputs",
        ),
        (
            "input-breaks-json",
            "a quote that subst does not escape",
            offer(template(MESSAGE), Message='say "hi"'),
            "/template",
        ),
        (
            "input-with-a-line-break",
            "a line break that subst does not escape",
            offer(template(MESSAGE), Message="a\nb"),
            "/template",
        ),
        (
            "if-without-end",
            "an if ends",
            offer(template('{{ if .A }}"A=1"'), A="1"),
            "/template",
        ),
        (
            "input-with-nul",
            "no argument holds it",
            offer(template(command='"echo", {{.Words}}'), Words="a\0"),
            "/job/Spec/Docker/Entrypoint/1",
        ),
        (
            "of-another-template",
            "no machine and no job in it",
            offer('{"a": {{.A}}}', A="1"),
            None,
        ),
    ):
        case(f"bundle-{name}", why, document, refused(at))


def lilypad() -> None:
    """All of them."""
    modules()
    templates()
    bundles()
    write("lilypad.json")


if __name__ == "__main__":
    lilypad()
