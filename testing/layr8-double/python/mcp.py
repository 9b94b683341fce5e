"""MCP over DIDComm 1.0: a server of a few tools, and calls."""

import itertools

from strict import check_members, is_integer, is_object, is_text, require

BASE = "https://layr8.io/protocols/mcp/1.0"
_ids = itertools.count(1)


def type_of(method, base=BASE):
    return f"{base}/{method.replace('/', '-')}"


def request(method, params=None):
    body = {"jsonrpc": "2.0", "id": next(_ids), "method": method}
    return body if params is None else {**body, "params": params}


def answer(plaintext, tools, base=BASE):
    """The response of a server to a request: its type and body. None for a notification."""
    body = plaintext["body"]
    identifier = lambda value: is_text(value) or is_integer(value)
    check_members(body, "JSON-RPC", {"jsonrpc": lambda value: value == "2.0", "method": is_text}, {"id": identifier, "params": is_object})
    require(plaintext["type"] == type_of(body["method"], base), f"the type {plaintext['type']} does not name the method {body['method']}")
    if "id" not in body:
        return None
    return f"{plaintext['type']}-result", {"jsonrpc": "2.0", "id": body["id"], **_result(body, tools)}


def _result(body, tools):
    method, params = body["method"], body.get("params", {})
    if method == "initialize":
        info = {"name": "double", "version": "1"}
        return {"result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}}
    if method == "tools/list":
        return {"result": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in tools]}}
    if method == "tools/call" and params.get("name") in tools:
        return {"result": {"content": [{"type": "text", "text": f"{params['name']} {sorted(params.get('arguments', {}).items())}"}]}}
    if method == "tools/call":
        return {"error": {"code": -32602, "message": f"unknown tool {params.get('name')}"}}
    return {"error": {"code": -32601, "message": f"unknown method {method}"}}


def check_response(request_type, request_body, plaintext):
    """The result, or the error: as an SDK reads it."""
    require(plaintext["type"] == f"{request_type}-result", f"a response of the type {plaintext['type']}")
    body = plaintext["body"]
    require(body.get("jsonrpc") == "2.0" and body.get("id") == request_body["id"], f"not the response to this request: {body!r}")
    require(("result" in body) != ("error" in body), f"a response has a result or an error: {body!r}")
    return body
