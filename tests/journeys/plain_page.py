"""A shop's plain page on a site of its own, with the tracker in it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A plain page</title>
<script>window.errors = []; addEventListener("error", (e) => errors.push(e.message));
addEventListener("unhandledrejection", (e) => errors.push(String(e.reason)));</script>
<script src="{ghostcart}/tracker.js" {attributes} async></script></head>
<body><h1>Mugs</h1><a href="/other?{query}">Other</a></body></html>"""


@contextmanager
def site(ghostcart: str, key: str, whole: str = "") -> Iterator[str]:
    """Serves pages on an origin of their own: `whole`, or ours with the tracker's attributes in `?attributes=`."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            given = parse_qs(asked.query).get("attributes", [f'data-key="{key}"'])[0]
            body = (whole or PAGE.format(ghostcart=ghostcart, attributes=given, query=asked.query)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
