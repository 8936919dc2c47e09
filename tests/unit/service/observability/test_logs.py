import json
import logging
import sys

import pytest

from service.observability.logs import (
    JsonFormatter,
    TextFormatter,
    configure_logging,
    current_request_id,
    current_trace,
    job_context,
    origin_context,
    request_context,
    trace_context,
)
from service.observability.trace_context import TraceContext
from service.settings import Settings


@pytest.fixture(autouse=True)
def _untouched_root():
    """Leave the root logger as pytest wants it."""
    names = (None, "httpx", "httpcore", "PIL")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


def record(message="accepted", *arguments, level=logging.INFO, exc_info=None):
    return logging.LogRecord("service.api", level, "jobs.py", 1, message, arguments, exc_info)


def failure():
    error = ValueError("broken")
    try:
        raise error
    except ValueError:
        return sys.exc_info()


def test_a_line_carries_the_ids_of_request_and_job():
    with request_context("r1"), job_context("j1"):
        line = TextFormatter().format(record("accepted %s", "a photo"))
    assert line.endswith("INFO service.api: accepted a photo request_id=r1 job_id=j1")


def test_a_line_outside_of_any_request_carries_no_ids():
    assert TextFormatter().format(record("started")).endswith("INFO service.api: started")


def test_a_line_carries_the_trace():
    trace = TraceContext.root()
    with trace_context(trace):
        assert current_trace() == trace
        line = json.loads(JsonFormatter().format(record()))
    assert line["trace_id"] == trace.trace_id
    assert current_trace() is None


def test_what_was_known_of_a_request_is_taken_up_later():
    trace = TraceContext.root()
    with origin_context(
        tenant="museum", request_id="r1", traceparent=trace.traceparent, tracestate="a=1,b=2"
    ):
        assert current_request_id() == "r1"
        assert json.loads(JsonFormatter().format(record()))["tenant"] == "museum"
        step = current_trace()
    assert (step.trace_id, step.flags) == (trace.trace_id, trace.flags)
    assert step.headers == {"traceparent": step.traceparent, "tracestate": "a=1,b=2"}
    assert step.span_id == trace.span_id  # that of the request, whose children follow
    with origin_context(tenant="museum", request_id=None, traceparent="broken", tracestate="a=1"):
        assert (current_request_id(), current_trace()) == (None, None)


def test_ids_end_with_their_context_and_come_back_to_the_outer_one():
    assert current_request_id() is None
    with request_context("outer"):
        with request_context("inner"):
            assert current_request_id() == "inner"
        assert current_request_id() == "outer"
    assert current_request_id() is None


def test_ids_end_even_when_their_context_raises():
    with pytest.raises(ValueError, match="broken"), request_context("r1"), job_context("j1"):
        raise ValueError("broken")
    assert current_request_id() is None
    assert "job_id" not in TextFormatter().format(record("later"))


def test_a_json_line_is_one_object():
    with request_context("r1"), job_context("j1"):
        line = JsonFormatter().format(record('said "%s"\n', "é", level=logging.WARNING))
    assert "\n" not in line
    values = json.loads(line)
    assert values.pop("time")[:2] == "20"
    assert values == {
        "level": "WARNING",
        "logger": "service.api",
        "message": 'said "é"\n',
        "request_id": "r1",
        "job_id": "j1",
    }


def test_a_json_line_holds_its_traceback():
    values = json.loads(JsonFormatter().format(record("failed", exc_info=failure())))
    assert "Traceback" in values["exception"]
    assert "ValueError: broken" in values["exception"]
    assert "exception" not in json.loads(JsonFormatter().format(record("fine")))


def test_a_json_lines_time_is_complete_and_has_its_zone():
    time = json.loads(JsonFormatter().format(record("x")))["time"]
    assert len(time) == len("2024-01-02T03:04:05+0000")


def test_a_traceback_follows_a_text_line():
    first, *rest = TextFormatter().format(record("failed", exc_info=failure())).splitlines()
    assert first.endswith("service.api: failed")
    assert rest[-1] == "ValueError: broken"


def test_a_client_cannot_begin_a_line_of_its_own():
    line = TextFormatter().format(record("GET /%s", "a\n12:00:00 ERROR\r\x1b[31m\x85"))
    assert len(line.splitlines()) == 1
    assert line.endswith(r"GET /a\x0a12:00:00 ERROR\x0d\x1b[31m\x85")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_logger_writes_to_standard_error_in_the_chosen_format(capsys, log_format):
    configure_logging(Settings(log_format=log_format))
    logging.getLogger("anything").info("hello")
    line = capsys.readouterr().err
    assert "hello" in line
    assert line.startswith("{") is (log_format == "json")


def test_the_level_is_kept(capsys):
    configure_logging(Settings(log_level="warning"))
    logging.getLogger("service").info("quiet")
    logging.getLogger("service").warning("loud")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error"])
def test_the_level_holds_for_the_server_of_the_api_too(capsys, name):
    logging.getLogger(name).setLevel(logging.INFO)  # as uvicorn does before the app is built
    configure_logging(Settings(log_level="warning"))
    logging.getLogger(name).info("Started server process")
    assert capsys.readouterr().err == ""


def test_the_clients_of_others_are_quiet(capsys):
    configure_logging(Settings(log_level="debug"))
    logging.getLogger("httpx").info("GET /v2/health/ready")
    logging.getLogger("PIL.PngImagePlugin").debug("STREAM b'IHDR'")
    assert capsys.readouterr().err == ""


def test_configuring_twice_writes_each_line_once(capsys):
    for _ in range(2):
        configure_logging(Settings())
    logging.getLogger("service").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_the_server_of_the_api_writes_in_the_chosen_format_too(capsys):
    server = logging.getLogger("uvicorn")
    server.addHandler(logging.StreamHandler(sys.stdout))  # as uvicorn does before the app is built
    server.propagate = False
    configure_logging(Settings(log_format="json"))
    logging.getLogger("uvicorn.error").info("Started server process")
    written = capsys.readouterr()
    assert written.out == ""
    assert json.loads(written.err)["message"] == "Started server process"
