import os

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "of this example only")
ROOT_URLCONF = "examples.django_urls"
INSTALLED_APPS = ["hookseal.django"]
MIDDLEWARE = [
    "hookseal.django.WebhookMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
HOOKSEAL = {"secrets": os.environ.get("WEBHOOK_SECRET"), "paths": ["/webhooks"]}
