"""The reference sender: accepts events over a REST API, signs and delivers them until they arrive.

Start it with ``hookseal-sender serve``. This package module imports nothing, so that using one part
(the retry schedule, the address guard) does not load the web server.
"""
