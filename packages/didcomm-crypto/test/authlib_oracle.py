# A second implementation of everything that DIDComm takes from JOSE, for the tests: Authlib, which Debian has as python3-authlib.
# Reads one request a line, as JSON, and answers each with a line.
import json
import sys

from authlib.jose import ECKey, JsonWebEncryption, JsonWebSignature, OKPKey
from authlib.jose.drafts import register_jwe_draft

register_jwe_draft(JsonWebEncryption)
jwe = JsonWebEncryption()
jws = JsonWebSignature(["EdDSA", "ES256", "ES384", "ES256K"])


def imported(jwk):
    return None if jwk is None else (OKPKey if jwk["kty"] == "OKP" else ECKey).import_key(jwk)


def encrypt(text, protected, kids, to, sender):
    header = {"protected": protected, "recipients": [{"header": {"kid": kid}} for kid in kids]}
    return json.dumps(jwe.serialize_json(header, text.encode(), [imported(key) for key in to], sender_key=imported(sender)))


def decrypt(packed, kid, own, sender):
    return jwe.deserialize_json(packed, (kid, imported(own)), sender_key=imported(sender))["payload"].decode()


def sign(text, protected, kid, key):
    return json.dumps(jws.serialize_json([{"protected": protected, "header": {"kid": kid}}], text.encode(), imported(key)))


def verify(signed, key):
    return jws.deserialize_json(json.loads(signed), imported(key))["payload"].decode()


CALLS = {"encrypt": encrypt, "decrypt": decrypt, "sign": sign, "verify": verify}

print(json.dumps({"calls": list(CALLS)}), flush=True)
for line in sys.stdin:
    call, arguments = json.loads(line)
    try:
        answer = {"value": CALLS[call](**arguments)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
