"""Only the middleware judges who is a proxy: gunicorn trusts loopback unless it is told not to."""

forwarded_allow_ips = ""
secure_scheme_headers = {}
workers = 1
loglevel = "info"
control_socket_disable = True
