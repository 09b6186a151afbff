//! A file server for dist/, for this machine alone.

use std::{io, net::TcpListener, path::Path, thread};

use anyhow::{Result, anyhow};
use axum::{
    Router,
    extract::Request,
    handler::HandlerWithoutStateExt,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    middleware::{self, Next},
    response::Response,
};
use tokio::runtime;
use tower_http::services::ServeDir;

use crate::site::SITE;

/// Takes a port on 127.0.0.1: WebGPU needs a secure context, which browsers grant to the machine itself.
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
    let files = ServeDir::new(folder).not_found_service((async move || missing).into_service());
    let site = Router::new().fallback_service(files).layer(middleware::from_fn(caching));

    listener.set_nonblocking(true)?;
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, site).await
    })
}

/// A page built anew is seen at the next reload; what is asked for by its checksum never changes.
async fn caching(request: Request, next: Next) -> Response {
    let named = request.uri().query().is_some_and(|query| query.starts_with("sha256="));
    let mut answer = next.run(request).await;
    let lifetime = if named && answer.status().is_success() { "max-age=31536000, immutable" } else { "no-cache" };
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(lifetime));
    answer
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{SocketAddr, TcpStream},
    };

    use super::*;

    /// The server, with this crate's own folder for a site.
    fn server() -> SocketAddr {
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(|| serve(Path::new(env!("CARGO_MANIFEST_DIR")), listener));
        address
    }

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: decoy\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn files_inside_the_folder_are_served() {
        let address = server();
        let _idle: Vec<_> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect(); // hold nobody up
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
