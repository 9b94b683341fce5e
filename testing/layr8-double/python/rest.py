"""HTTP calls to a node, with the standard library, in a thread."""

import asyncio
import json
from urllib.parse import quote, urlsplit

from strict import check_members, is_did, is_text, list_of, one_of, read_json, require

TIMEOUT = 30


class RestError(Exception):
    def __init__(self, status, message):
        super().__init__(f"REST {status}: {message}")
        self.status = status
        self.message = message


class Rest:
    """The REST API of the node whose WebSocket has this URL."""

    def __init__(self, ws_url, api_key):
        parts = urlsplit(ws_url)
        self.netloc = parts.netloc
        host = parts.hostname or ""
        self.address = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host
        self.port = parts.port or 80
        self.headers = {"x-api-key": api_key}

    async def call(self, method, path, body=None, media_type="application/json"):
        """@returns the status and the text. Raises RestError from 400 on; its message is `error` of the body."""
        status, text = await asyncio.to_thread(self._call, method, path, body, media_type)
        if status >= 400:
            answer = read_json(text)
            check_members(answer, "error", {"error": is_text}, {"code": is_text})
            raise RestError(status, answer["error"])
        return status, text

    def _call(self, method, path, body, media_type):
        # Most agents make no calls, and this module takes a third of the time of a start.
        from http.client import HTTPConnection

        connection = HTTPConnection(self.address, self.port, timeout=TIMEOUT)
        try:
            headers = {**self.headers, "Host": self.netloc}
            if body is not None:
                headers["Content-Type"] = media_type
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    async def credentials(self, holder):
        """The credentials that the node stores for a DID, as a wallet reads them."""
        _, text = await self.call("GET", f"/api/v1/credentials?holder_did={quote(holder, safe='')}")
        answer = read_json(text)
        check_members(answer, "credentials", {"credentials": list_of(lambda entry: isinstance(entry, dict))}, {"next": is_text})
        for entry in answer["credentials"]:
            self._check_stored(entry)
            require(entry["holder_did"] == holder, "a credential of another holder")
        return answer["credentials"]

    async def sign(self, credential, issuer, format_name="compact_jwt"):
        body = {"credential": credential, "issuer_did": issuer, "format": format_name}
        _, text = await self.call("POST", "/api/v1/credentials/sign", json.dumps(body))
        answer = read_json(text)
        check_members(answer, "sign", {"signed_credential": is_text})
        return answer["signed_credential"]

    async def store(self, jwt, holder):
        _, text = await self.call("POST", "/api/v1/credentials", json.dumps({"holder_did": holder, "credential_jwt": jwt}))
        stored = read_json(text)
        self._check_stored(stored)
        return stored

    async def verify(self, signed, verifier):
        body = {"signed_credential": signed, "verifier_did": verifier}
        _, text = await self.call("POST", "/api/v1/credentials/verify", json.dumps(body))
        answer = read_json(text)
        check_members(answer, "verify", {name: lambda value: isinstance(value, dict) for name in ("credential", "headers")})
        return answer

    async def present(self, credentials, holder, verifier):
        body = {"credentials": credentials, "holder_did": holder, "format": "compact_jwt"}
        _, text = await self.call("POST", "/api/v1/presentations/sign", json.dumps(body))
        signed = read_json(text)
        check_members(signed, "present", {"signed_presentation": is_text})
        body = {"signed_presentation": signed["signed_presentation"], "verifier_did": verifier}
        _, text = await self.call("POST", "/api/v1/presentations/verify", json.dumps(body))
        answer = read_json(text)
        check_members(answer, "verify", {name: lambda value: isinstance(value, dict) for name in ("presentation", "headers")})
        return answer

    async def declare_mediator(self, did, mediator):
        """SDKs put the DID into the path as it is."""
        if mediator is None:
            await self.call("DELETE", f"/api/v1/dids/{did}/mediator")
        else:
            await self.call("PUT", f"/api/v1/dids/{did}/mediator", json.dumps({"routing_did": mediator}))

    async def deliver(self, envelope):
        """Posts an encrypted message to the node's own entrance for other nodes."""
        status, _ = await self.call("POST", "/didcomm", envelope, "application/didcomm-encrypted+json")
        require(one_of(200, 202)(status), f"/didcomm answered {status}")

    @staticmethod
    def _check_stored(entry):
        check_members(
            entry,
            "stored credential",
            {"id": is_text, "holder_did": is_did, "credential_jwt": is_text},
            {"issuer_did": is_text, "valid_until": is_text},
        )
