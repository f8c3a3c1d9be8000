"""The plugin, in this run and in a pytest run of its own."""

from hookseal.asgi import WebhookMiddleware
from hookseal.testing import WebhookClient

from .support import SECRET, Handler


def test_the_fixture_gives_the_client(webhook_client):
    assert webhook_client is WebhookClient
    app = WebhookMiddleware(Handler().asgi, SECRET)
    assert webhook_client(app, secret=SECRET).send({"type": "user.created"}).status == 200


def test_the_fixture_is_there_once_hookseal_is_installed(pytester):
    pytester.makepyfile(
        f"""
        from hookseal.wsgi import WebhookMiddleware

        def handler(environ, start_response):
            start_response("204 No Content", [])
            return []

        def test_webhooks(webhook_client):
            app = WebhookMiddleware(handler, "{SECRET}")
            client = webhook_client(app, "{SECRET}")
            assert client.send({{"type": "user.created"}}).status == 204
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_run_without_webhooks_does_not_import_the_library(pytester):
    pytester.makepyfile(
        """
        import sys

        def test_nothing_to_do_with_webhooks(request):
            assert request.config.pluginmanager.has_plugin("hookseal")
            assert "hookseal.pytest_plugin" in sys.modules
            assert "hookseal.testing" not in sys.modules
            assert "limits" not in sys.modules
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_fixture_describes_itself(pytester):
    result = pytester.runpytest_subprocess("--fixtures", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["webhook_client*", "*Give the client that signs and sends*"])
