"""Serves the WSGI app with wsgiref: ``python -m tests.acceptance.servers.run_wsgiref PORT``."""

import sys
from wsgiref.simple_server import make_server

from tests.acceptance.servers.apps import wsgi_app

if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), wsgi_app).serve_forever()
