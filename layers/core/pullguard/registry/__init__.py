"""Can these credentials pull this image? The registry itself is asked, and receives only data meant for it.

The following rules apply, each proved by a test that records the requests to a registry:

1. Credentials go to the image's registry host and to its token service, and the owner must have approved both. The
   secret's tag lists the registry host. The token service has the same host and port, or the tag lists its host too, or
   it is one of the few well-known pairs (``origins.TOKEN_HOSTS``).
2. They go in an Authorization header, over TLS with a verified certificate. Loopback hosts, and no others, are asked
   over plain HTTP, as Docker does; the deployed functions do not ask them at all.
3. A redirect to another scheme, host or port is not followed at all.
4. A name is resolved once, and the connection goes to the address that was checked: never to link-local or
   instance-metadata addresses, and to loopback only if the host says loopback. Private networks are fine.
5. Time, requests, redirects and the bytes that are read are bounded, for all of it together.
6. No proxy is used, and no environment variable read except those of OpenSSL (``SSL_CERT_FILE`` for a private
   authority).

The questions are those of Docker and containerd: ``GET /v2/`` for the challenge, a token, then HEAD of the manifest.
Sources: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
https://distribution.github.io/distribution/spec/auth/token/
"""

from pullguard.registry.credentials import (
    HostNotAllowed,
    Logins,
    VerificationBroke,
    anonymous_pull,
    verification,
    verify,
)
from pullguard.registry.exchange import Exchange, NoAnswer
from pullguard.registry.transport import Transport, verified_tls

__all__ = [
    "Exchange",
    "HostNotAllowed",
    "Logins",
    "NoAnswer",
    "Transport",
    "VerificationBroke",
    "anonymous_pull",
    "verification",
    "verified_tls",
    "verify",
]
