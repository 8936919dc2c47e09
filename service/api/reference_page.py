"""The API reference as one HTML page, generated from the OpenAPI document.

It uses no scripts and no files of other servers, so that it works offline and with a strict content
security policy. Every operation has a `curl` command to copy.
"""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881 }
:root { --accent: light-dark(#0b5cad, #7db8f5) }
* { box-sizing: border-box }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 58rem; margin: 0 auto }
body { padding: 1.5rem 1rem 4rem }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.3rem; margin: 3rem 0 .5rem }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere }
h4 { font-size: .85rem; margin: 1rem 0 .25rem }
a { color: var(--accent) }
nav ul { columns: 24rem; padding: 0; list-style: none }
nav li { break-inside: avoid; padding: .2rem 0; font-size: .9rem }
nav a { text-decoration: none } nav a:hover { text-decoration: underline }
nav code { display: grid; grid-template-columns: 4.5rem 1fr; overflow-wrap: anywhere }
article { border-top: 1px solid var(--line); padding: 1.25rem 0; scroll-margin-top: 1rem }
:target > h3 { text-decoration: underline; text-underline-offset: .3em }
code, pre { font: .875em/1.5 ui-monospace, monospace }
pre { background: var(--soft); padding: .75rem 1rem; border-radius: .4rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-size: .9rem; table-layout: fixed }
td p { margin: 0 } td p + p { margin-top: .5rem } td:last-child { width: 48% }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
th { font-weight: 600 } .method { display: inline-block; min-width: 4.5rem; color: var(--accent) }
.scope { font-size: .85rem; opacity: .8; margin: .15rem 0 0 }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
REFERENCE_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_CODE = re.compile(r"`([^`]+)`")
_METHODS = ("get", "post", "put", "delete")
_SAMPLE_VALUES = {"file": "@samples/astronaut_sigma25.png", "task": "denoise"}


def render_reference(document: Node, *, base_url: str, with_key: bool, root_path: str = "") -> str:
    """Return the page; its examples send requests to `base_url`, with or without a key."""
    operations = [
        (path, method, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    tags = list(dict.fromkeys(_tag(operation) for _, _, operation in operations))
    operations.sort(key=lambda found: tags.index(_tag(found[2])))
    groups = []
    for tag in tags:
        groups.append(f'<section><h2 id="{escape(tag)}">{escape(tag.capitalize())}</h2>')
        for path, method, operation in operations:
            if _tag(operation) == tag:
                command = example(path, method, operation, base_url=base_url, with_key=with_key)
                groups.append(_operation(path, method, operation, command))
        groups.append("</section>")
    links = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code><span class="method">{method.upper()}</span>'
        f"{escape(path)}</code></a></li>"
        for path, method, _ in operations
    )
    schemas = "".join(
        _schema(name, schema) for name, schema in document["components"]["schemas"].items()
    )
    info = document["info"]
    root = escape(root_path)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>API reference - {escape(info['title'])}</title>"
        f"<style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(info['title'])}: API reference</h1><p>{escape(info['summary'])} "
        f'The same as a document for tools: <a href="{root}/openapi.json">openapi.json</a>. '
        f'All <a href="{root}/docs/errors">errors</a>.</p></header>'
        f'<nav aria-label="Operations"><ul>{links}</ul></nav><main>{"".join(groups)}'
        f'<section><h2 id="schemas">Schemas</h2>{schemas}</section></main></body></html>\n'
    )


def example(path: str, method: str, operation: Node, *, base_url: str, with_key: bool) -> str:
    """Return a `curl` command for an operation; names in braces must be replaced."""
    words = ["curl"]
    if method != "get":
        words += ["-X", method.upper()]
    if with_key and operation.get("security") != []:
        words += ["-H", "X-API-Key: YOUR_KEY"]
    content = operation.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        for name in content["multipart/form-data"]["schema"].get("required", ()):
            words += ["-F", f"{name}={_SAMPLE_VALUES[name]}"]
    elif "application/json" in content:
        words += ["-H", "Content-Type: application/json", "-d", "{}"]
    if path.endswith("/events"):
        words.append("-N")
    elif path.endswith(("/result", "/results.zip", "/{token}")):
        words.append("-OJ")
    elif path.endswith("/preview"):
        words += ["-o", "preview.webp"]
    return " ".join(shlex.quote(word) for word in [*words, base_url + path])


def _tag(operation: Node) -> str:
    return str(operation.get("tags", ["service"])[0])


def _anchor(method: str, path: str) -> str:
    return method + re.sub(r"[^a-z0-9]+", "-", path.lower()).rstrip("-")


def _operation(path: str, method: str, operation: Node, command: str) -> str:
    scope = operation.get("x-required-scope")
    access = f"Requires the scope {scope} where keys are used." if scope else "Needs no key."
    parts = [
        f'<article id="{_anchor(method, path)}">',
        f'<h3><code><span class="method">{method.upper()}</span>{escape(path)}</code></h3>',
        f'<p class="scope">{escape(access)}</p>',
        _prose(operation.get("description", "")),
        f"<pre><code>{escape(command)}</code></pre>",
    ]
    rows = [
        (item["name"], f"{item['in']}, {_type(item['schema'])}", _described(item, item["schema"]))
        for item in operation.get("parameters", ())
    ]
    parts.append(_table("Parameters", rows))
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        schema = body["schema"]
        if "$ref" in schema:
            parts.append(f"<h4>Body: {escape(kind)}</h4><p>{_type(schema)}</p>")
        else:
            parts.append(_table(f"Body: {kind}", list(_fields(schema))))
    answers = [
        (status, ", ".join(_kinds(answer)), _prose(answer["description"]))
        for status, answer in operation["responses"].items()
    ]
    return "".join([*parts, _table("Answers", answers), "</article>"])


def _kinds(answer: Node) -> Iterator[str]:
    for kind, content in answer.get("content", {}).items():
        schema = content.get("schema", {})
        yield f"{escape(kind)} {_type(schema) if '$ref' in schema else ''}".strip()


def _schema(name: str, schema: Node) -> str:
    parts = [f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>']
    parts.append(_prose(schema.get("description", "")))
    if "enum" in schema:
        parts.append(f"<p>{_type(schema)}</p>")
    parts.append(_table("Fields", list(_fields(schema))))
    if "example" in schema:
        text = json.dumps(schema["example"], indent=2, ensure_ascii=False)
        parts.append(f"<pre><code>{escape(text)}</code></pre>")
    return "".join([*parts, "</article>"])


def _fields(schema: Node) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        mark = "" if name in required else "optional, "
        yield name, mark + _type(field), _described(field, field)


def _type(schema: Node) -> str:
    """Return a type as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("format", schema.get("type", "any"))))


def _described(item: Node, schema: Node) -> str:
    limits = [
        f"{label} {schema[key]}."
        for key, label in (
            *(("default", "Default"), ("minimum", "At least"), ("maximum", "At most")),
            ("maxLength", "Characters: at most"),
        )
        if schema.get(key) is not None
    ]
    return _prose(" ".join([item.get("description", ""), *limits]).strip())


def _prose(text: str) -> str:
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    texts = (_CODE.sub(r"<code>\1</code>", escape(part, quote=False)) for part in paragraphs)
    return "".join(f"<p>{text}</p>" for text in texts)


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    """Return a table of names (text), types and descriptions (HTML); empty if there are no rows."""
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{kind}</td><td>{text}</td></tr>'
        for name, kind, text in rows
    )
    return f"<h4>{escape(title)}</h4><table><tbody>{body}</tbody></table>"
