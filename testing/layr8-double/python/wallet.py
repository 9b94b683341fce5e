"""Grants with a message, as SDKs of layr8 choose them: of what the node stores for the DID, and of what it has delegated."""

from node_frames import claims_of

MEDIA_TYPE = "application/vc+jwt"
MAX_ATTACHED = 16


def attachment(jws):
    """@returns an attachment whose id is that of the credential."""
    claims = claims_of(jws) or {}
    identifier = claims.get("id")
    fallback = f"urn:jws:{jws.split('.')[-1][:32]}"
    return {"id": identifier if isinstance(identifier, str) and identifier else fallback, "media_type": MEDIA_TYPE, "data": {"jws": jws}}


def _scope_of(jws):
    claims = claims_of(jws)
    subject = claims.get("credentialSubject") if claims is not None else None
    scope = subject.get("scope") if isinstance(subject, dict) else None
    return scope if isinstance(scope, list) else []


def is_identity(entry):
    """Whether an attachment says who the sender is, not what it may do: only then grants are added to it."""
    jws = entry.get("data", {}).get("jws")
    if entry.get("media_type") != MEDIA_TYPE or not isinstance(jws, str) or claims_of(jws) is None:
        return False
    return not _scope_of(jws)


def _resource_covers(resource, wanted):
    if resource in (None, "", "*") or resource == wanted:
        return True
    if not isinstance(resource, str):
        return False
    prefix = resource[:-1] if resource.endswith("/*") else f"{resource}/"
    return wanted.startswith(prefix)


def covers(jws, recipients, message_type):
    protocol, _, name = message_type.rpartition("/")
    for entry in _scope_of(jws):
        if not isinstance(entry, dict) or entry.get("protocol") not in ("*", protocol):
            continue
        types = entry.get("messageTypes")
        if not isinstance(types, list) or not ("*" in types or name in types):
            continue
        if any(_resource_covers(entry.get("resource"), recipient) for recipient in recipients):
            return True
    return False


def choose(held, recipients, message_type):
    """The attachments for a message: grants that cover it, up to a limit."""
    chosen = [jws for jws in held if covers(jws, recipients, message_type)]
    return [attachment(jws) for jws in dict.fromkeys(chosen)][:MAX_ATTACHED]
