"""A web server on the loopback address that does to a download what the network may do."""

import contextlib
import http.server
import threading

BODY = bytes(range(256)) * 1000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/silent":
            self.server.released.wait(10)
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.path in ("/file", "/unsized"):
            self.wfile.write(BODY)
        elif self.path in ("/broken", "/stalled"):
            self.wfile.write(BODY[: len(BODY) // 2])
            if self.path == "/stalled":
                self.wfile.flush()
                self.server.released.wait(10)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving():
    """A web server; `.url` is its root, `.requests` the paths that it was asked for."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.released = [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()
