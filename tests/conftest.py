# pytest takes this from the topmost conftest only. It runs a pytest of its own, for our plugin.
pytest_plugins = ["pytester"]
