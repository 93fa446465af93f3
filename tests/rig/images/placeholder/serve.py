"""Answers every GET: a placeholder. Its arguments are those of the genuine program, and are not read."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """One answer for everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a placeholder of the test rig\n")


ThreadingHTTPServer(("", int(os.environ["RIG_PORT"])), Handler).serve_forever()
