"""A TLS server that chooses its certificate by SNI, as the proxy does."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from certs import Pair, put_pair

__all__ = ("tls_server",)


def _context(directory: Path, pair: Pair, curve: str | None) -> ssl.SSLContext:
    put_pair(directory, chain=pair.chain, key=pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "fullchain.pem", directory / "privkey.pem")
    if curve:
        context.set_ecdh_curve(curve)
    return context


@contextmanager
def tls_server(directory: Path, pairs: Mapping[str, Pair], *, curve: str | None = None) -> Iterator[int]:
    """Serve a pair for each name, and refuse all other names. Yields the port on 127.0.0.1.

    * ``directory``: where the server may write the pairs.
    * ``curve``: the only key exchange that the server accepts.
    """
    contexts = {name: _context(directory / name, pair, curve) for name, pair in pairs.items()}

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name not in contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = contexts[name]
        return None

    first = next(iter(contexts.values()))
    first.sni_callback = choose  # type: ignore[assignment]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    first.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
