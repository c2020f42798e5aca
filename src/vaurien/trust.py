"""How programs come to trust the authority: variables of their environment, and instructions."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from shlex import quote
from typing import TYPE_CHECKING

from .authority.folder import authority, public_file
from .errors import AuthorityError

if TYPE_CHECKING:
    from .net.spec import ProxySpec

BUNDLED = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name all authorities, in place of the system's."""
NODE = "NODE_EXTRA_CA_CERTS"
"""A variable that names further authorities."""
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine
)
STEPS: Mapping[str, str] = {
    "Debian, Ubuntu": "sudo cp {file} /usr/local/share/ca-certificates/vaurien.crt"
    " && sudo update-ca-certificates",
    "Fedora, RHEL": "sudo cp {file} /etc/pki/ca-trust/source/anchors/vaurien.pem"
    " && sudo update-ca-trust",
    "macOS": "security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {file}",
    "curl": "curl --cacert {file} https://...",
    "Python": "export SSL_CERT_FILE={bundle}",
    "requests": "export REQUESTS_CA_BUNDLE={bundle}",
    "Node": "export NODE_EXTRA_CA_CERTS={file}",
    "Go": "export SSL_CERT_FILE={bundle}",
    "Java": "keytool -importcert -noprompt -alias vaurien -storepass changeit"
    " -keystore trust.p12 -file {file}\n"
    "export JAVA_TOOL_OPTIONS='-Djavax.net.ssl.trustStore=trust.p12"
    " -Djavax.net.ssl.trustStorePassword=changeit'",
}
"""What to do, by the programs that trust the authority then."""


def instructions(file: str, bundle: str) -> Iterator[tuple[str, str]]:
    """Yield who is to trust the authority, and the commands for that."""
    for who, step in STEPS.items():
        yield who, step.format(file=quote(file), bundle=quote(bundle))


def variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return variables with which a program trusts the authority besides what it trusts now.

    Raises:
        AuthorityError: there is no authority, or a bundle cannot be written.
    """
    authority()
    found = dict.fromkeys(BUNDLED, bundle(environment))
    extra = environment.get(NODE)
    return found | {NODE: found[BUNDLED[0]] if extra else public_file()}


def bundle(environment: Mapping[str, str] = os.environ) -> str:
    """Write what a program trusts by its environment, and the authority, to a file of the folder.

    Return its path, which is another one for other contents.

    Raises:
        AuthorityError: it cannot be written.
    """
    own = authority().public_pem
    trusted = list(dict.fromkeys([*_trusted(environment), own]))
    content = b"\n".join(each.strip() for each in trusted) + b"\n"
    name = f"bundle-{sha256(content).hexdigest()[:12]}.pem"
    path = os.path.join(os.path.dirname(public_file()), name)
    if not os.path.exists(path):
        temporary = f"{path}.{secrets.token_hex(8)}"
        try:
            with open(temporary, "xb") as file:
                file.write(content)
            os.replace(temporary, path)
        except OSError as error:
            raise AuthorityError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _trusted(environment: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the contents of the bundles that programs use now; one of ours has all of it."""
    named = [environment[name] for name in (*BUNDLED, NODE) if environment.get(name)]
    if not environment.get(BUNDLED[0]):
        named.append(_of_system())
    for path in dict.fromkeys(filter(None, named)):
        with suppress(OSError), open(path, "rb") as file:
            yield file.read()


def _of_system() -> str:
    """Return the path of the system's bundle; "" if there is none."""
    import ssl

    paths = (ssl.get_default_verify_paths().openssl_cafile, *BUNDLES)
    return next(filter(os.path.isfile, paths), "")


def needs_trust(specs: Iterable[ProxySpec]) -> bool:
    """Whether clients of one of these proxies are shown a certificate of the authority."""
    return any(
        bool(spec.flaws)
        or (spec.credentials is not None and spec.credentials.certificates.needs_authority)
        for spec in specs
    )


_lock = threading.Lock()
_holders = 0
_before: dict[str, str | None] = {}


@contextmanager
def trusted() -> Iterator[None]:
    """Let this process trust the authority meanwhile, by its environment.

    Raises:
        AuthorityError: there is none.
    """
    global _holders  # noqa: PLW0603 - the environment is one of the process, too
    with _lock:
        if not _holders:
            wanted = variables()
            _before.update({name: os.environ.get(name) for name in wanted})
            os.environ.update(wanted)
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            for name, value in () if _holders else _before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
