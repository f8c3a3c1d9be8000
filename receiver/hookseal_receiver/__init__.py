"""The receiving side of Hookseal: a reference endpoint that is wrapped with the middleware."""
