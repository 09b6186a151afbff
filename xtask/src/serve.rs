//! A file server for dist/, for this machine alone.

use std::{
    fs::File,
    io,
    net::TcpListener,
    path::{Component, Path, PathBuf},
    sync::Arc,
    thread,
};

use anyhow::{Result, anyhow};
use percent_encoding::percent_decode_str;
use tiny_http::{Header, Method, Request, Response, Server};

use crate::site::SITE;

/// A browser opens six connections to a host.
const THREADS: usize = 8;

/// Takes a port on 127.0.0.1: WebGPU needs a secure context, which browsers grant to the machine itself.
pub fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            anyhow!("port {port} is in use; choose another with `--port N`")
        }
        _ => anyhow!("cannot listen on port {port}: {error}"),
    })
}

/// Serves dist/ until the process ends.
pub fn forever(listener: TcpListener) -> Result<()> {
    let address = start(listener)?;
    println!("\n   Decoy is at {address} (Ctrl-C stops it)\n");
    loop {
        thread::park();
    }
}

/// Serves dist/ in the background and returns its address.
pub fn start(listener: TcpListener) -> Result<String> {
    let address = format!("http://{}", listener.local_addr()?);
    let server = Server::from_listener(listener, None).map_err(|error| anyhow!(error))?;
    let server = Arc::new(server);
    for _ in 0..THREADS {
        let server = server.clone();
        thread::spawn(move || {
            for request in server.incoming_requests() {
                // A browser that goes away before its answer is no fault of ours.
                let _ = answer(request);
            }
        });
    }
    Ok(address)
}

fn answer(request: Request) -> io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return request.respond(Response::from_string("only GET and HEAD\n").with_status_code(405));
    }
    let found = locate(request.url()).and_then(|path| Some((File::open(&path).ok()?, path)));
    match found {
        Some((file, path)) => request.respond(
            Response::from_file(file)
                .with_chunked_threshold(usize::MAX) // so that the length is always told
                .with_header(header("Content-Type", &media_type(&path)))
                .with_header(header("Cache-Control", "no-cache")),
        ),
        None => request.respond(Response::from_string("not found\n").with_status_code(404)),
    }
}

/// The file that a URL's path names, if it names one inside dist/.
fn locate(url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?;
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let relative = Path::new(path.strip_prefix('/')?);
    // `..`, a second `/` at the start and a Windows drive are components of other kinds.
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let file = match path.ends_with('/') {
        true => Path::new(SITE).join(relative).join("index.html"),
        false => Path::new(SITE).join(relative),
    };
    (inside && file.is_file()).then_some(file)
}

fn media_type(path: &Path) -> String {
    let media = mime_guess::from_path(path).first_or_octet_stream();
    match media.type_() {
        mime_guess::mime::TEXT => format!("{media}; charset=utf-8"),
        _ => media.to_string(),
    }
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("both are plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_site_is_found() {
        for url in
            ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/..%2fCargo.toml", "//etc/passwd", "/%2fetc/passwd", "", "*"]
        {
            assert_eq!(locate(url), None, "{url}");
        }
    }

    #[test]
    fn files_have_their_media_types() {
        for (file, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("view/chart.js", "text/javascript; charset=utf-8"),
            ("models.json", "application/json"),
            ("decoy_bg.wasm", "application/wasm"),
            ("obj1__0.png", "image/png"),
            ("coil20.safetensors", "application/octet-stream"),
        ] {
            assert_eq!(media_type(Path::new(file)), expected, "{file}");
        }
    }
}
