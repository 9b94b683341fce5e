"""What a node of layr8 knows of the frames and calls of its agents. Everything else is a violation."""

from strict import (
    check_members,
    is_boolean,
    is_did,
    is_integer,
    is_object,
    is_text,
    is_time,
    list_of,
    one_of,
    require,
)

REPORT_PROBLEM = "https://didcomm.org/report-problem/2.0"
PURPOSES = [{"purpose": purpose} for purpose in ("authentication", "assertionMethod", "keyAgreement")]
MAX_ATTACHED = 32

DID_SPEC = {
    "mode": one_of("Create", "Require", "Update"),
    "storage": one_of("persistent", "ephemeral"),
    "type": lambda value: value == "plugin",
    "verificationMethods": lambda value: value == PURPOSES,
}
CHILD = {"parentDid": is_did, "childNameSource": one_of("sdk", "client")}


def check_join(payload, did):
    """@returns the parent, or None."""
    check_members(
        payload,
        "join",
        {"payload_types": list_of(is_text), "did_spec": is_object},
        {"reply_protocol": lambda value: value is True, "delegation_refresh": lambda value: value is True},
    )
    types = payload["payload_types"]
    require(REPORT_PROBLEM in types, "payload_types always has the protocol of problem reports")
    require(len(types) == len(set(types)), "a protocol twice in payload_types")
    spec = payload["did_spec"]
    check_members(spec, "did_spec", DID_SPEC, {**CHILD, "label": is_text, "controller": is_did})
    parent = spec.get("parentDid")
    require(("delegation_refresh" in payload) == (parent is not None), "delegation_refresh is for a DID with a parent only")
    require(("childNameSource" in spec) == (parent is not None), "childNameSource is for a DID with a parent only")
    if parent is not None:
        require(spec["storage"] == "ephemeral", "e.join.plugin.child.storage-not-ephemeral")
        segment = (did or "").removeprefix(f"{parent}:")
        require(did is not None and did != segment and segment and ":" not in segment, "e.join.plugin.child.not-beneath-parent")
    return parent


DATA = {"jws": is_text, "base64": is_text, "json": lambda _: True, "links": list_of(is_text), "hash": is_text}
ATTACHMENT = {
    "id": is_text,
    "media_type": is_text,
    "format": is_text,
    "description": is_text,
    "filename": is_text,
    "lastmod_time": is_time,
    "byte_count": is_integer,
}
"""Headers of DIDComm v2.1, and `trace_context` of layr8."""
HEADERS = {
    "thid": is_text,
    "pthid": is_text,
    "created_time": is_integer,
    "expires_time": is_integer,
    "lang": is_text,
    "return_route": one_of("none", "all", "thread"),
    "please_ack": list_of(lambda value: isinstance(value, str)),
    "ack": list_of(is_text),
    "from_prior": is_text,
    "trace_context": is_object,
    "attachments": list_of(is_object),
    # A header of Parley, which nodes pass on as they pass any header.
    "reply_expected": is_boolean,
}


def check_message(plaintext, did):
    required = {"id": is_text, "type": is_text, "from": is_did, "to": list_of(is_did), "body": is_object}
    check_members(plaintext, "message", required, HEADERS)
    require(plaintext["from"] == did, f"a message of {plaintext['from']} on the topic of {did}")
    require(plaintext["to"], "a message to nobody")
    attachments = plaintext.get("attachments", [])
    require("attachments" not in plaintext or attachments, "attachments without an attachment")
    require(len(attachments) <= MAX_ATTACHED, f"{len(attachments)} attachments")
    for entry in attachments:
        check_members(entry, "attachment", {"data": is_object}, ATTACHMENT)
        check_members(entry["data"], "data", {}, DATA)
        if entry.get("media_type") == "application/vc+jwt":
            require("jws" in entry["data"] or "base64" in entry["data"], "a credential that is not attached as jws")
    identifiers = [entry["id"] for entry in attachments if "id" in entry]
    require(len(identifiers) == len(set(identifiers)), "two attachments with one id: the second may be lost")
    for name, value in plaintext.get("trace_context", {}).items():
        require(name in ("traceparent", "tracestate") and is_text(value), f"trace_context.{name}")


def check_dispatch_reply(payload, in_flight):
    """@returns the message that it is about."""
    status = one_of("handled", "pass", "error")
    check_members(payload, "dispatch_reply", {"message_id": is_text, "status": status}, {"code": is_text, "message": is_text})
    require(payload["status"] == "error" or len(payload) == 2, "code and message are those of an error")
    require(payload["message_id"] in in_flight, f"an outcome of {payload['message_id']}, which is not in flight")
    return payload["message_id"]


def check_ack(payload, in_flight):
    check_members(payload, "ack", {"ids": list_of(is_text)})
    require(payload["ids"], "an ack without an id")
    for identifier in payload["ids"]:
        require(identifier in in_flight, f"an ack of {identifier}, which is not in flight")
    return payload["ids"]


BODIES = {
    "/api/v1/credentials": ({"holder_did": is_did, "credential_jwt": is_text}, {"issuer_did": is_text, "valid_until": is_text}),
    "/api/v1/credentials/sign": (
        {"credential": is_object, "issuer_did": is_did, "format": one_of("compact_jwt", "json", "jwt", "enveloped")},
        {},
    ),
    "/api/v1/credentials/verify": ({"signed_credential": is_text, "verifier_did": is_did}, {}),
    "/api/v1/presentations/sign": (
        {"credentials": list_of(is_text), "holder_did": is_did, "format": one_of("compact_jwt", "json", "jwt", "enveloped")},
        {"nonce": is_text},
    ),
    "/api/v1/presentations/verify": ({"signed_presentation": is_text, "verifier_did": is_did}, {}),
}


def check_body(path, body):
    required, optional = BODIES[path]
    check_members(body, path, required, optional)
