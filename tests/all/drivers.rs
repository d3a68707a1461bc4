//! Clients of the network that everybody imports, as the registry has them: over TLS and without, and a driver against a
//! real PostgreSQL.

use crate::library::RUNTIME;
use crate::support::servers::{Authority, Http, Postgres, Request, Response};
use crate::support::{raised, repository, site_packages, text};
use ophidia::{DirGrant, HttpGrant, InterpreterBuilder, Mount, Secret, Tree};
use std::time::Duration;

fn with_packages() -> InterpreterBuilder {
    let site = site_packages(&repository().join("tests/packages/network.txt"));
    RUNTIME
        .interpreter()
        .timeout(Duration::from_secs(120))
        .memory(512 << 20)
        .mount(Mount::new("/site", Tree::Kept(site)))
        .site("/site")
}

fn answer(request: &Request) -> Response {
    match request.path() {
        "/json" => Response::ok(r#"{"tea": [1, 2, 3]}"#).header("Content-Type", "application/json"),
        "/redirect" => Response::redirect("/json"),
        "/cookie" => Response::ok(request.header("cookie").unwrap_or("none").to_owned())
            .header("Set-Cookie", "a=b; Path=/"),
        "/missing" => Response::new(404),
        _ => Response::ok(request.body.clone()),
    }
}

/// What each does with `url`, the origin of a server; `check` is from the same text for all.
const CLIENTS: &[(&str, &str)] = &[
    ("urllib.request", "
import urllib.error, urllib.request
assert json.loads(urllib.request.urlopen(url + '/redirect').read()) == tea
assert urllib.request.urlopen(url + '/echo', data=big).read() == big
try: urllib.request.urlopen(url + '/missing'); raise AssertionError
except urllib.error.HTTPError as error: assert error.code == 404"),
    ("http.client", "
import http.client, urllib.parse
parts = urllib.parse.urlsplit(url)
kind = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection
client = kind(parts.hostname, parts.port, timeout=20)
for _ in range(5):
    client.request('POST', '/echo', body=big)
    assert client.getresponse().read() == big
client.request('PUT', '/echo', body=iter([b'a', b'b']), encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
assert client.getresponse().read() == b'ab'"),
    ("urllib3", "
import urllib3
with urllib3.PoolManager(retries=2, timeout=20) as pool:
    assert pool.request('GET', url + '/redirect').json() == tea
    for _ in range(5): assert pool.request('POST', url + '/echo', body=big).data == big
    assert pool.request('GET', url + '/missing').status == 404"),
    ("requests", "
import requests
assert requests.get(url + '/redirect', timeout=20).json() == tea
with requests.Session() as session:
    session.get(url + '/cookie')
    assert session.get(url + '/cookie').text == 'a=b'
    assert session.post(url + '/echo', data=big).content == big
    assert session.get(url + '/missing').status_code == 404
    with session.post(url + '/echo', data=big, stream=True) as response:
        assert b''.join(response.iter_content(1000)) == big"),
    ("httpx", "
import httpx
with httpx.Client(follow_redirects=True, timeout=20) as client:
    assert client.get(url + '/redirect').json() == tea
    for _ in range(5): assert client.post(url + '/echo', content=big).content == big
    assert client.get(url + '/missing').status_code == 404"),
    ("httpx, asynchronous", "
import asyncio, httpx
async def main():
    async with httpx.AsyncClient(follow_redirects=True, timeout=20) as client:
        answers = await asyncio.gather(*(client.post(url + '/echo', content=big) for _ in range(8)))
        assert all(answer.content == big for answer in answers)
        assert (await client.get(url + '/redirect')).json() == tea
asyncio.run(main())"),
    ("aiohttp", "
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
        async def one():
            async with session.post(url + '/echo', data=big) as answer: return await answer.read()
        assert await asyncio.gather(*(one() for _ in range(8))) == [big] * 8
        async with session.get(url + '/redirect') as answer: assert await answer.json() == tea
        async with session.get(url + '/missing') as answer: assert answer.status == 404
asyncio.run(main())"),
    ("asyncio's streams", "
import asyncio, ssl, urllib.parse
parts = urllib.parse.urlsplit(url)
async def main():
    context = ssl.create_default_context() if parts.scheme == 'https' else None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
    writer.write(f'GET /json HTTP/1.1\\r\\nHost: {parts.netloc}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
    assert (await reader.read()).endswith(b'[1, 2, 3]}')
    writer.close(); await writer.wait_closed()
asyncio.run(main())"),
];

fn each_works(mut builder: impl FnMut() -> InterpreterBuilder, url: &str) {
    let mut failed = Vec::new();
    for (name, program) in CLIENTS {
        let mut py = builder().build().expect("one");
        let begin = format!(
            "import json\nurl = {url:?}\ntea = {{'tea': [1, 2, 3]}}\nbig = bytes(range(256)) * 400\n"
        );
        if let Err(error) = py.run(&format!("{begin}{program}")) {
            failed.push(format!("{name}: {error:#?}"));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} fail:\n{}",
        failed.len(),
        CLIENTS.len(),
        failed.join("\n")
    );
}

#[test]
fn clients_work_without_tls() {
    let server = Http::start(answer);
    each_works(|| with_packages().net(format!("127.0.0.1:{}", server.port())), &server.url(""));
}

#[test]
fn clients_work_over_tls() {
    let authority = Authority::new();
    let server = Http::start_tls(&authority, &["localhost"], answer);
    let roots = authority.pem_file();
    each_works(
        || with_packages().net(format!("localhost:{}", server.port())).roots(roots.path()),
        &server.url(""),
    );
}

#[test]
fn clients_work_where_each_request_is_looked_at() {
    let authority = Authority::new();
    let server = Http::start_tls(&authority, &["localhost"], answer);
    let roots = authority.pem_file();
    let grant = || HttpGrant {
        secrets: vec![Secret::new("Authorization", "Bearer swordfish-and-more")],
        ..HttpGrant::new(format!("https://localhost:{}", server.port()))
    };
    each_works(|| with_packages().http(grant()).roots(roots.path()), &server.url(""));
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization") == Some("Bearer swordfish-and-more"))
    );
}

#[test]
fn a_denial_is_told_through_a_client() {
    let mut py = with_packages().build().expect("one");
    let error = raised(py.run("import requests\nrequests.get('http://example.com/', timeout=5)"));
    assert!(error.message.contains("net \"example.com\""), "{error}");
}

#[test]
fn a_driver_talks_to_postgresql() {
    let authority = Authority::new();
    let server = Postgres::start().expect("PostgreSQL");
    let mut py = with_packages().net(format!("127.0.0.1:{}", server.port())).build().expect("one");
    py.run(&format!(
        "import pg8000.native\nc = pg8000.native.Connection({:?}, host='127.0.0.1', port={}, password={:?}, database={:?})",
        server.user(),
        server.port(),
        server.password(),
        server.database()
    ))
    .expect("connected");
    py.run(
        "c.run('CREATE TEMPORARY TABLE tea (name text, price numeric, at timestamptz DEFAULT now())')
for i in range(100):
    c.run('INSERT INTO tea (name, price) VALUES (:name, :price)', name=f'tea {i}', price=i / 4)
rows = c.run('SELECT name, price FROM tea WHERE price > :least ORDER BY price DESC LIMIT 2', least=3)
told = repr(rows)
try: c.run('SELECT nothing FROM nowhere'); raise AssertionError
except pg8000.native.DatabaseError: pass
c.close()",
    )
    .expect("queried");
    assert_eq!(
        text(&mut py, "told"),
        "[['tea 99', Decimal('24.75')], ['tea 98', Decimal('24.5')]]"
    );
    drop(server);
    // Over TLS, where this build of PostgreSQL has it.
    let Some(server) = Postgres::start_tls(&authority) else { return };
    let roots = authority.pem_file();
    let mut py = with_packages()
        .net(format!("localhost:{}", server.port()))
        .roots(roots.path())
        .build()
        .expect("one");
    py.run(&format!(
        "import pg8000.native, ssl\nc = pg8000.native.Connection({:?}, host='localhost', port={}, password={:?}, database={:?}, \
         ssl_context=ssl.create_default_context())\n\
         assert c.run('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()') == [[True]]",
        server.user(),
        server.port(),
        server.password(),
        server.database()
    ))
    .expect("connected");
}

/// Folders and hosts together, as a program has them.
#[test]
fn what_is_fetched_can_be_kept() {
    let server = Http::start(answer);
    let folder = tempfile::tempdir().expect("a folder");
    let mut py = with_packages()
        .net(format!("127.0.0.1:{}", server.port()))
        .dir(DirGrant::read_write(folder.path(), "/out"))
        .build()
        .expect("one");
    py.run(&format!(
        "import urllib.request\nurllib.request.urlretrieve({:?}, '/out/tea.json')",
        server.url("/json")
    ))
    .expect("kept");
    let kept = std::fs::read_to_string(folder.path().join("tea.json")).expect("there");
    assert_eq!(kept, r#"{"tea": [1, 2, 3]}"#);
}
