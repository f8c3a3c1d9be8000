"""Capturing and answering, on a real server."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest

from hookseal_receiver.play import PlaySettings
from hookseal_receiver.play.judging import Judge
from tests.receiver.play.conftest import Server


def raw(url, request, timeout=5):
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout) as connection:
        connection.sendall(request.replace(b"URL", parts.path.encode()))
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_a_signed_request_is_answered_kept_and_verified(site):
    assert site.send().status_code == 200

    (one,) = site.history()["data"]
    assert one["method"] == "POST"
    assert one["body"] == '{"type":"t"}'
    assert one["verdict"]["outcome"] == "verified"
    assert one["ip"] == "127.0.0.1"
    assert one["response"]["status_code"] == 200


def test_the_iterator_gives_only_what_is_newer(site):
    site.send(event_id="msg_1")
    first = site.history()
    site.send(event_id="msg_2")
    second = site.history(first["iterator"])

    assert [one["verdict"]["event_id"] for one in second["data"]] == ["msg_2"]
    assert site.history(second["iterator"]) == {"iterator": second["iterator"], "data": []}


def test_a_repeat_is_seen(site):
    for _ in range(3):
        site.send()

    outcomes = [one["verdict"]["outcome"] for one in site.history()["data"]]
    assert outcomes == ["verified", "repeat", "repeat"]


def test_a_verdict_that_takes_long_holds_nobody_else_up(site, monkeypatch):
    judge, began, go_on = Judge.judge, threading.Event(), threading.Event()

    def slow(self, draft, *rest):
        if draft.path == "/slow":
            began.set()
            go_on.wait(10)
        return judge(self, draft, *rest)

    monkeypatch.setattr(Judge, "judge", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(site.send, path="/slow", event_id="msg_slow")
        assert began.wait(10)
        assert site.send(event_id="msg_quick").status_code == 200
        go_on.set()
        assert first.result().status_code == 200

    ids = [one["verdict"]["event_id"] for one in site.history()["data"]]
    assert ids == ["msg_quick", "msg_slow"]


def test_method_sub_path_query_and_repeated_headers_are_kept_as_they_came(site):
    headers = [("x-a", "1"), ("x-b", "2"), ("X-A", "3")]
    site.http.request("PURGE", f"{site.url}/a%2Fb/c?x=%20&x=2", headers=headers)

    (one,) = site.history()["data"]
    assert one["method"] == "PURGE"
    assert one["url"].endswith(f"{site.bin.capture_token}/a%2Fb/c?x=%20&x=2")
    assert [pair for pair in one["header_list"] if pair[0].startswith("x-")] == [
        ["x-a", "1"],
        ["x-b", "2"],
        ["x-a", "3"],
    ]
    assert one["headers"]["x-a"] == "1, 3"


def test_who_can_post_cannot_read_and_the_other_way_round(site):
    assert site.http.get(f"{site.base}/view/{site.bin.capture_token}").status_code == 404
    assert site.http.get(f"{site.base}/api/v1/history/{site.bin.capture_token}/").status_code == 404
    assert site.http.post(f"{site.base}/in/{site.bin.view_token}").status_code == 404
    assert len(site.bin.capture_token) >= 32
    assert site.bin.capture_token not in repr(site.bin)


def test_a_body_over_the_cap_is_counted_and_not_kept(serve):
    site = serve(PlaySettings(body_kept=100, body_limit=1000))
    assert site.send(b"x" * 500).status_code == 200
    assert site.send(b"x" * 1001).status_code == 413

    (one,) = site.history()["data"]
    assert (one["size"], len(one["body"])) == (500, 100)
    assert "longer than what is kept" in one["verdict"]["reason"]


def test_a_body_that_does_not_come_is_given_up(serve):
    site = serve(PlaySettings(body_seconds=0.2))
    answer = raw(site.url, b"POST URL HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")

    assert answer.startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_is_no_error(site):
    parts = urlsplit(site.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(
            f"POST {parts.path} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab".encode()
        )
    assert site.send().status_code == 200
    assert len(site.history()["data"]) == 1


def test_the_oldest_requests_and_bytes_go(serve):
    site = serve(PlaySettings(requests_kept=3, bytes_kept=100_000))
    for number in range(5):
        site.send(b"x", event_id=f"msg_{number}")
    assert [one["id"] for one in site.history()["data"]] == ["3", "4", "5"]

    site.send(b"x" * 30_000, event_id="msg_a")
    site.send(b"x" * 30_000, event_id="msg_b")
    assert [one["id"] for one in site.history()["data"]] == ["7"]


def test_headers_and_answers_count_as_what_is_kept(serve):
    site = serve(PlaySettings(bytes_kept=100_000))
    for _ in range(4):
        headers = {f"x-{number}": b"\xff" * 2000 for number in range(8)}
        site.http.post(site.url, headers=headers)  # twice: they are searched, too
    assert [one["id"] for one in site.history()["data"]] == ["4"]

    for _ in range(3):
        assert (
            len(site.http.post(f"{site.url}?echo_body=1", content=bytes(30_000)).content) == 30_000
        )
    assert [one["id"] for one in site.history()["data"]] == ["7"]


def test_a_page_of_the_history_is_bounded_in_bytes(site):
    for number in range(6):
        site.send(b"x" * 2**20, event_id=f"msg_{number}")
    seen, iterator = [], ""
    while (page := site.history(iterator))["data"]:
        seen.append([one["id"] for one in page["data"]])
        iterator = page["iterator"]

    assert [number for page in seen for number in page] == ["1", "2", "3", "4", "5", "6"]
    assert len(seen) == 2


def test_statuses_in_turn(site):
    site.submit(
        "/setup", statuses="500 503 204", headers="x-why: test", body="b", delay="0", manner="whole"
    )
    answers = [site.send(event_id=f"msg_{number}") for number in range(4)]

    assert [one.status_code for one in answers] == [500, 503, 204, 204]
    assert answers[0].headers["x-why"] == "test"
    assert answers[0].text == "b"
    assert answers[2].content == b""


def test_the_query_forces_an_answer(site):
    assert site.http.post(site.url + "?force_status_code=404").status_code == 404
    assert site.http.post(site.url + "?echo_body=true", content=b"ping").content == b"ping"
    bad = site.http.post(site.url + "?force_status_code=9000")

    assert bad.status_code == 400
    assert "200 to 599" in bad.text
    assert "200 to 599" in site.history()["data"][-1]["response"]["note"]


def test_a_delay_is_waited_and_the_request_is_seen_meanwhile(site):
    with pytest.raises(httpx2.ReadTimeout):
        site.http.post(site.url + "?force_delay=5", timeout=0.4)

    assert len(site.history()["data"]) == 1


def test_the_connection_is_closed_without_a_word(site):
    site.submit("/setup", statuses="200", delay="0", manner="close")

    assert raw(site.url, b"POST URL HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n") == b""
    assert site.history()["data"][0]["response"]["status_code"] == 0


def test_another_server_cuts_the_answer_off(serve):
    site = serve()
    site.submit("/setup", statuses="200", delay="0", manner="close")
    with Server(site.play) as base:  # which lacks our protocol
        url = f"{base}/in/{site.bin.capture_token}"
        with pytest.raises(httpx2.RemoteProtocolError):
            site.http.post(url)


def test_a_drip_sends_all_of_it_slowly(site, monkeypatch):
    monkeypatch.setattr("hookseal_receiver.play.answers.DRIP_SECONDS", 0.04)
    site.submit("/setup", statuses="200", delay="0", manner="drip", body="drop by drop")

    assert site.http.post(site.url).text == "drop by drop"
    site.submit("/setup", statuses="200", delay="0", manner="drip", body="")
    assert site.http.post(site.url).text == "." * 20


def test_pausing_answers_and_keeps_nothing(site):
    site.submit("/pause", paused="yes")
    assert site.send().status_code == 200
    assert site.history()["data"] == []

    site.submit("/pause", paused="no")
    site.send()
    assert len(site.history()["data"]) == 1


def test_the_svix_path_captures_too(site):
    assert site.http.put(f"{site.base}/api/v1/in/{site.bin.capture_token}/").status_code == 200
    assert site.history()["data"][0]["method"] == "PUT"


@pytest.mark.parametrize("iterator", ["x", "-1", "1" * 30, "٣"])
def test_a_bad_iterator_is_refused(site, iterator):
    address = f"{site.base}/api/v1/history/{site.bin.view_token}/"
    assert site.http.get(address, params={"iterator": iterator}).status_code == 422


def test_the_api_makes_bins_within_the_limit(serve):
    site = serve(PlaySettings(bins_per_client=1))
    address = f"{site.base}/api/v1/token/generate/"
    made = site.http.post(address).json()

    assert site.http.post(made["url"]).status_code == 200
    assert site.http.get(made["view_url"]).status_code == 200
    assert site.http.post(address).status_code == 429
    assert site.http.post(address, headers={"sec-fetch-site": "cross-site"}).status_code == 403


HOSTILE = [
    b"GET URL/\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    b"GET URL?q=%00%ff&&&=&force_delay=1e9 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    b"GET URL HTTP/1.1\r\nhost: x\r\nwebhook-id: \xff\xfe\r\nconnection: close\r\n\r\n",
    b"POST URL HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nconnection: close\r\n\r\n\x00\xff\xed",
    b"POST URL HTTP/1.0\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_requests_are_never_a_5xx(site, request_bytes):
    answer = raw(site.url, request_bytes)

    assert b" 5" not in answer.split(b"\r\n")[0][8:11]
    for rest in ("", "/1", "/1?as=hex", "/1?as=raw", "/har", "/setup"):
        assert site.page(rest).status_code in {200, 404}


def test_pages_are_shown_under_known_hosts_only_and_capture_under_all(serve):
    site = serve(PlaySettings(view_hosts=("127.0.0.1", "[::1]")))
    other = {"host": "rebound.example:80"}

    assert site.page().status_code == 200
    assert site.page(headers=other).status_code == 421
    assert site.page(headers={"host": "[::1]:80"}).status_code == 200
    assert site.http.post(site.url, headers=other).status_code == 200


def test_no_token_and_no_body_is_logged(site, caplog):
    caplog.set_level("DEBUG", logger="hookseal")
    site.send(b"canary-body")
    site.page()

    # What the test's own client says of its requests is not Play's, whoever turned it on.
    said = [record for record in caplog.records if not record.name.startswith("httpx2")]
    assert "canary" not in str(said)
    assert site.bin.view_token not in "\n".join(map(str, map(logging.LogRecord.getMessage, said)))


def test_head_has_no_body(site):
    parts = urlsplit(site.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.request("HEAD", parts.path)

    assert connection.getresponse().status == 200
    connection.close()


def test_no_answer_acts_in_a_browser(site):
    page = "<script>alert(1)</script>"
    weak = "content-type: text/html\ncontent-security-policy: sandbox allow-scripts"
    site.submit("/setup", statuses="200", headers=weak, body=page, delay="0", manner="whole")
    for answer in (site.http.get(site.url), site.http.get(f"{site.base}/in/none")):
        assert answer.headers.get_list("content-security-policy")[0].startswith("sandbox")
        assert answer.headers["x-content-type-options"] == "nosniff"
    policies = site.http.get(site.url).headers.get_list("content-security-policy", True)
    assert "sandbox" in policies  # each policy holds, so none that is given weakens ours
