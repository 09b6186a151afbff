//! A file server for dist/, reachable only from this machine.

use std::{io, net::TcpListener, path::Path, thread};

use anyhow::{Result, anyhow};
use axum::{
    Router,
    extract::Request,
    handler::HandlerWithoutStateExt,
    http::{HeaderName, HeaderValue, StatusCode, header::CACHE_CONTROL},
    middleware::{self, Next},
    response::Response,
};
use tokio::runtime;
use tower_http::services::ServeDir;

use crate::{publish::is_checksum_folder, site::SITE};

/// These headers give the page a process of its own; only then browsers allow precise clocks and shared memory.
const ISOLATION: [(&str, &str); 2] =
    [("cross-origin-opener-policy", "same-origin"), ("cross-origin-embedder-policy", "require-corp")];

/// Opens a port on 127.0.0.1: WebGPU needs a secure context, and browsers treat this address as secure.
pub fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!("port {port} is in use; choose another with `--port N`"),
        _ => anyhow!("cannot listen on port {port}: {error}"),
    })
}

/// Serves dist/ until the process ends.
pub fn forever(listener: TcpListener) -> Result<()> {
    println!("\n   Decoy is at http://{} (Ctrl-C stops it)\n", listener.local_addr()?);
    Ok(serve(Path::new(SITE), listener)?)
}

/// Serves dist/ in the background and returns its address.
pub fn start(listener: TcpListener) -> Result<String> {
    let address = format!("http://{}", listener.local_addr()?);
    thread::spawn(|| serve(Path::new(SITE), listener));
    Ok(address)
}

fn serve(folder: &Path, listener: TcpListener) -> io::Result<()> {
    let missing = (StatusCode::NOT_FOUND, "not found\n");
    let files = ServeDir::new(folder).precompressed_br().precompressed_gzip();
    let files = files.not_found_service((async move || missing).into_service());
    let site = Router::new().fallback_service(files).layer(middleware::from_fn(headers));

    listener.set_nonblocking(true)?;
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, site).await
    })
}

/// Adds the headers for caching. Files whose address contains a checksum never change, in the query or as the folder,
/// and are cached for ever. All others are checked again at every request, so that a reload shows a new build.
async fn headers(request: Request, next: Next) -> Response {
    let folder = request.uri().path().split('/').nth(1);
    let named = request.uri().query().is_some_and(|query| query.starts_with("sha256="))
        || folder.is_some_and(is_checksum_folder);
    let mut answer = next.run(request).await;
    let lifetime = if named && answer.status().is_success() { "max-age=31536000, immutable" } else { "no-cache" };
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(lifetime));
    for (name, value) in ISOLATION {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        io::{Read, Write},
        net::{SocketAddr, TcpStream},
        path::PathBuf,
        process,
    };

    use super::*;

    /// The server, with this crate's folder as the site.
    fn server() -> SocketAddr {
        server_of(env!("CARGO_MANIFEST_DIR").into())
    }

    fn server_of(folder: PathBuf) -> SocketAddr {
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&folder, listener));
        address
    }

    fn get(address: SocketAddr, path: &str) -> String {
        get_with(address, path, "")
    }

    /// As `get`, with more header lines.
    fn get_with(address: SocketAddr, path: &str, head: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: decoy\r\nConnection: close\r\n{head}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn files_inside_the_folder_are_served() {
        let address = server();
        let _idle: Vec<_> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect(); // do not block others
        let answer = get(address, "/src/serve.rs?query");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("cache-control: no-cache\r\n"), "{answer}");
        assert!(answer.ends_with(include_str!("serve.rs")));
    }

    #[test]
    fn what_is_named_by_its_checksum_is_kept() {
        let address = server();
        let answer = get(address, "/src/serve.rs?sha256=0");
        assert!(answer.contains("cache-control: max-age=31536000, immutable\r\n"), "{answer}");
        let answer = get(address, "/missing?sha256=0");
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("cache-control: no-cache\r\n"), "{answer}");
    }

    #[test]
    fn what_lies_in_a_folder_named_by_its_checksum_is_kept() {
        let folder = env::temp_dir().join(format!("decoy-serve-parts-{}", process::id()));
        fs::create_dir_all(folder.join("0123456789abcdef")).unwrap();
        fs::write(folder.join("0123456789abcdef/main.js"), "").unwrap();
        let address = server_of(folder.clone());
        let answer = get(address, "/0123456789abcdef/main.js");
        assert!(answer.contains("cache-control: max-age=31536000, immutable\r\n"), "{answer}");
        let answer = get(address, "/0123456789abcdef/gone.js");
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("cache-control: no-cache\r\n"), "{answer}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_compressed_copy_is_sent_to_who_accepts_it() {
        let folder = env::temp_dir().join(format!("decoy-serve-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in [("a.wasm", "plain"), ("a.wasm.br", "brotli"), ("a.wasm.gz", "gzip"), ("b.js", "alone")]
        {
            fs::write(folder.join(name), content).unwrap();
        }
        let address = server_of(folder.clone());
        let ask = |path, accepted: &str| get_with(address, path, &format!("Accept-Encoding: {accepted}\r\n"));
        let cases = [
            ("/a.wasm", "gzip, deflate, br, zstd", "application/wasm", Some("br"), "brotli"),
            ("/a.wasm", "gzip", "application/wasm", Some("gzip"), "gzip"),
            ("/a.wasm", "br;q=0", "application/wasm", None, "plain"),
            ("/b.js", "br", "text/javascript", None, "alone"),
        ];
        for (path, accepted, kind, encoding, content) in cases {
            let answer = ask(path, accepted);
            assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{answer}");
            assert!(answer.contains("vary: accept-encoding\r\n"), "{answer}");
            let sent = answer.lines().find_map(|line| line.strip_prefix("content-encoding: "));
            assert_eq!(sent, encoding, "{answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{content}")), "{answer}");
        }

        // Each copy has its own ETag, so that a copy in the browser's cache is not sent again.
        let compressed = ask("/a.wasm", "br");
        let tag = compressed.lines().find(|line| line.starts_with("etag: ")).unwrap().replace("etag", "If-None-Match");
        let again = |accepted| get_with(address, "/a.wasm", &format!("Accept-Encoding: {accepted}\r\n{tag}\r\n"));
        assert!(again("br").starts_with("HTTP/1.1 304"));
        assert!(again("identity").starts_with("HTTP/1.1 200"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_page_is_isolated() {
        let answer = get(server(), "/src/serve.rs");
        for (name, value) in ISOLATION {
            assert!(answer.contains(&format!("{name}: {value}\r\n")), "{answer}");
        }
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        let address = server();
        for path in ["/../Cargo.lock", "/%2e%2e/Cargo.lock", "/..%2fCargo.lock", "//etc/passwd", "/%2fetc/passwd"] {
            let answer = get(address, path);
            assert!(answer.starts_with("HTTP/1.1 404") && answer.ends_with("not found\n"), "{path}: {answer}");
        }
    }

    #[test]
    fn a_busy_port_is_told() {
        let taken = listen(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(
            listen(port).unwrap_err().to_string(),
            format!("port {port} is in use; choose another with `--port N`")
        );
    }
}
