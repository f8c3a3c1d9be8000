from hypothesis import settings

# pytest takes this from the topmost conftest only. It runs a pytest of its own, for our plugin.
pytest_plugins = ["pytester"]

# How long an example takes on a busy machine says nothing about the code.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")
