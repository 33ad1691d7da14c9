"""What a series of samples says: the parts of the time, open and closed loops, equal payloads, and the runner itself."""

import asyncio
import contextlib
import datetime as dt
import itertools
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bot.model import Progress, Run, Series, SeriesKey, Subject
from bot.probes.engine import Engine
from bot.probes.registry import PROBES
from bot.probes.sampling import Sampler, Unheard
from bot.probes.session import Plan, Session, open_loop
from bot.safety.redact import Redactor
from tests.integration import servers
from tests.integration.servers import HEALTH, answers, plain, service, sockets
from tests.integration.test_sampling import elsewhere, get, hold_it_all_the_time

PHASES = ("first_byte", "dns", "connect", "tls")


def plan(probes: Mapping[str, Mapping[str, Any]], **more: Any) -> Plan:
    made = {
        name: PROBES["journey" if "journey" in fields else "http"].model_validate({"timed": True, **fields})
        for name, fields in probes.items()
    }
    rest: dict[str, Any] = {"logins": {}, "identity": None, "redactor": Redactor(), "time": 5.0}
    return Plan(probes=made, spec="sha256:0", vantage="here", seed=1, **(rest | more))


def subject(url: str, revision: str = "rev-2") -> Subject:
    return Subject(service="chat", environment="test", revision=revision, url=url)


def until(rounds: int) -> Any:
    def watch(candidate: Mapping[SeriesKey, Series], _baseline: Mapping[SeriesKey, Series]) -> Progress:
        return Progress(frozenset(), stop=all(len(each.samples) >= rounds for each in candidate.values()))

    return watch


async def measured(
    tmp_path: Path, new: str, old: str | None, probes: Mapping[str, Mapping[str, Any]], rounds: int = 10, **more: Any
) -> tuple[Run, Run | None]:
    session = Session(plan(probes, **more), subject(new), old and subject(old, "rev-1"), tmp_path)
    await session.correctness()
    await session.measure(until(rounds))
    return session.runs()


def series(run: Run | None, number: int = 0) -> Series:
    assert run is not None
    return run.observations[0].series[number]


async def test_each_part_of_the_time_is_kept_and_they_fit(tmp_path: Path) -> None:
    async def slow_body(_asked: servers.Asked, writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha")
        await asyncio.sleep(0.03)
        return b"lf"

    async with service({"GET /it": slow_body}) as up:
        run, _ = await measured(tmp_path, up.url, None, {"it": {"http": "GET /it"}})
        engine = Engine()
        first = await Sampler(up.url, engine).ask(get(up.url), 5.0)
        second = await Sampler(up.url, engine).ask(get(up.url), 5.0)
        await engine.close()
    found = series(run)
    assert found.columns == ("round", "value", "order", "ok", "vouched", "planned", *PHASES)
    for value, first_byte in zip(found.column("value"), found.column("first_byte"), strict=True):
        assert isinstance(value, float)
        assert isinstance(first_byte, float)
        assert 20 <= first_byte <= value - 20
    planned = [each for each in found.column("planned") if isinstance(each, float)]
    assert planned == sorted(planned)
    assert len(set(planned)) == len(planned)
    assert first.phases.connect is not None
    assert first.phases.dns is not None
    assert first.phases.tls is None
    assert second.phases[1:] == (None, None, None)
    assert second.body == b"half"


async def test_a_journey_has_no_phases_and_its_duration_is_the_services(tmp_path: Path) -> None:
    step = {"http": "GET /it"}
    async with service({"GET /it": servers.slowly(plain(200, b""), 0.02)}) as up:
        run, _ = await measured(tmp_path, up.url, None, {"it": {"journey": [step, step]}}, alone=5)
    duration = series(run)
    assert duration.columns == ("round", "value", "order", "ok", "vouched", "planned")
    assert all(isinstance(each, float) and each >= 40 for each in duration.column("value"))


class Stalling:
    """Answers at once, but for 300 ms in every 600 not at all."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.stalled: list[float] = []

    async def __call__(self, _asked: servers.Asked, _writer: asyncio.StreamWriter) -> bytes:
        into = (time.perf_counter() - self.began) % 0.6
        if into > 0.3:
            self.stalled.append(0.6 - into)
            await asyncio.sleep(0.6 - into)
        return plain(200, b"")


async def test_a_stall_is_felt_by_every_request_that_was_planned_in_it(tmp_path: Path) -> None:
    """A closed loop waits the stall out with one request; an open loop sends into it, and counts from the plan."""
    shares = {}
    for name, names in (("open", {"it"}), ("closed", set[str]())):
        async with service({"GET /it": Stalling()}) as up, service({"GET /it": Stalling()}) as old:
            run, against = await measured(
                tmp_path / name, up.url, old.url, {"it": {"http": "GET /it"}}, 30, open_loop=frozenset(names)
            )
        both = [*series(run).samples, *series(against).samples]
        assert set(series(run).column("round")) >= set(range(30))
        shares[name] = sum(1 for row in both if isinstance(row[1], float) and row[1] > 30) / len(both)
    assert shares["open"] > 0.3  # half of the time is stalled
    assert shares["closed"] < shares["open"] - 0.1


async def test_planned_requests_do_not_wait_for_the_answers_before(tmp_path: Path) -> None:
    count = most = now = 0

    async def ever_slower(_asked: servers.Asked, _writer: asyncio.StreamWriter) -> bytes:
        nonlocal count, most, now
        count, now = count + 1, now + 1
        most = max(most, now)
        await asyncio.sleep(0.3 if count > 10 else 0.0)
        now -= 1
        return plain(200, b"")

    quick = {"GET /it": answers(plain(200, b""))}
    async with service({"GET /it": ever_slower}) as up, service(quick) as old:
        fields = {"it": {"http": "GET /it"}}
        run, against = await measured(tmp_path, up.url, old.url, fields, 20, open_loop=frozenset({"it"}))
    assert most >= 3
    for one in (run, against):
        found = series(one)
        assert found.column("round")[:20] == list(range(20))
        planned = [each for each in found.column("planned") if isinstance(each, float)]
        # a round is 50 ms; within it, the coin says whether this side is the first or the second
        assert all(24 < after - before < 76 for before, after in itertools.pairwise(planned))


async def test_unvouched_samples_are_marked_in_the_rows_and_counted(tmp_path: Path) -> None:
    with elsewhere() as url:
        session = Session(plan({"it": {"http": "GET /it"}}, alone=15), subject(url), None, tmp_path)
        await session.correctness()
        holding = asyncio.create_task(hold_it_all_the_time())
        await session.measure(until(15))
        holding.cancel()
    run, _ = session.runs()
    found = series(run)
    assert all(found.column("ok"))
    not_vouched = found.column("vouched").count(False)
    assert not_vouched >= 5
    check = run.observations[-1].facts[0].value
    assert isinstance(check, dict)
    assert (check["samples"], check["not_vouched"]) == (15, not_vouched)
    assert isinstance(check["lag_p99_ms"], float)
    assert check["lag_p99_ms"] > 1


async def test_both_sides_of_a_pair_are_sent_the_same(tmp_path: Path) -> None:
    fields = {
        "read": {"http": "GET /it", "query": {"q": "{unique}"}},
        "write": {"http": "POST /it", "json": {"name": "{unique}"}},
    }
    ok = answers(plain(200, b""))
    async with service({"GET /it": ok, "POST /it": ok}) as up, service({"GET /it": ok, "POST /it": ok}) as old:
        run, _ = await measured(tmp_path, up.url, old.url, fields, open_loop=frozenset({"read"}))
        read, read_old = ([each.target for each in one.asked if each.method == "GET"] for one in (up, old))
        write, write_old = ([each.body for each in one.asked if each.method == "POST"] for one in (up, old))
    assert len(series(run).samples) >= 10
    assert len(set(read)) == len(read)
    assert len(set(read) & set(read_old)) == len(read) - 1 == len(read_old) - 1  # all but the one for correctness
    assert len(set(write)) == len(write)
    assert not set(write) & set(write_old)  # two sides may share a database
    assert {body[:-3] for body in write[1:]} == {body[:-3] for body in write_old[1:]}
    assert {len(body) for body in write} == {len(body) for body in write_old}


async def test_the_runner_itself_is_a_control_in_both_runs(tmp_path: Path) -> None:
    async with service(HEALTH) as up, service(HEALTH) as old:
        session = Session(plan({"it": {"http": "GET /health"}}), subject(up.url), subject(old.url), tmp_path)
        await session.correctness()
        assert all(run is not None and run.observation("runner") is None for run in session.runs())
        await session.measure(until(10))
        run, against = session.runs()
    assert against is not None
    control, other = run.observation("runner"), against.observation("runner")
    assert control is not None
    assert control == other
    assert (control.kind, control.title, control.state) == ("control", "The runner itself", "measured")
    cpu = control.series[0]
    assert (cpu.id, cpu.unit, cpu.better, cpu.columns) == ("cpu", "ms", "lower", ("round", "value"))
    assert len(cpu.samples) >= 5
    assert all(isinstance(each, float) and each > 0 for each in cpu.column("value"))
    fact = control.facts[0]
    assert (fact.id, fact.kind) == ("self-check", "self-check")
    assert isinstance(fact.value, dict)
    assert set(fact.value) == {"lag_p99_ms", "cpu_share", "samples", "not_vouched"}
    assert fact.value["samples"] == len(series(run).samples) + len(series(against).samples)


def test_a_probe_is_in_the_open_loop_when_the_tail_of_one_of_its_series_is_judged() -> None:
    made = plan({"a": {"http": "GET /a"}, "b": {"journey": [{"http": "GET /b"}]}}).probes
    assert open_loop(made, lambda _probe, series: 0.5 if series == "duration" else None) == {"b"}
    assert open_loop(made, lambda _probe, _series: None) == set()


async def test_a_timed_conversation_is_stamped_where_its_bytes_come_in(tmp_path: Path) -> None:
    step = {"websocket": "/ws", "send": "go", "events": "first second", "within": "2s"}
    async with sockets(servers.plays("first", "second", after=0.03)) as url:
        run, _ = await measured(tmp_path, url, None, {"it": {"journey": [step]}}, alone=5)
    times = {each.id: each for each in run.observations[0].series}
    for row, first, answer in zip(
        times["duration"].samples,
        times["step 1: first event"].column("value"),
        times["step 1: answer"].column("value"),
        strict=True,
    ):
        assert isinstance(first, float)
        assert isinstance(answer, float)
        assert isinstance(row[1], float)
        assert 30 <= first <= answer - 25
        assert row[1] >= answer
    assert len(times["duration"].samples) == 5


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """An authority of our own, in a file, and a server's context with a certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


async def test_tls_is_checked_and_its_time_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = certificate(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(plain(200, b"secret"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    step = {"websocket": "/ws", "send": "go", "events": "done"}
    async with server, sockets(servers.plays("done"), ssl=context) as socket:
        talk_url = socket.replace("http://127.0.0.1", "https://localhost")
        engine = Engine()
        with pytest.raises(Unheard) as unknown:
            await Sampler(url, engine).ask(get(url), 5.0)
        await engine.close()
        stranger, _ = await measured(tmp_path / "no", talk_url, None, {"it": {"journey": [step]}}, alone=1)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        sampler = Sampler(url, engine)
        first, second = [await sampler.ask(get(url), 5.0) for _ in range(2)]
        await engine.close()
        known, _ = await measured(tmp_path / "yes", talk_url, None, {"it": {"journey": [step]}}, alone=2)
        server.close()
    assert unknown.value.failure == "tls"
    assert (first.body, second.body) == (b"secret", b"secret")
    assert first.phases.tls is not None
    assert first.phases.tls > 0
    assert second.phases.tls is None
    assert "TLS failed" in (stranger.observations[0].reason or "")
    assert known.observations[0].state == "measured"
    assert all(series(known).column("ok"))
