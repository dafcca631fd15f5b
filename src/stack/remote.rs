//! Bytes behind a URL: over https, not too many, and not for too long.

use std::io;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;

/// Lambda takes no more from S3 than that, unpacked.
pub(super) const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// For all tries and redirections.
const DEADLINE: Duration = Duration::from_secs(120);
const MOST_REDIRECTIONS: usize = 5;
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// The bytes behind a URL. Blocks, in a runtime of its own: the caller's clock may be a virtual one,
/// which must not run on meanwhile.
///
/// # Errors
/// If the URL is not safe, or what is behind it does not come in time.
pub(super) fn fetch(url: &str) -> io::Result<Vec<u8>> {
    check(url)?;
    std::thread::scope(|scope| {
        let fetched = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let late =
                || io::Error::new(io::ErrorKind::TimedOut, format!("it did not come within {} s", DEADLINE.as_secs()));
            runtime.block_on(async {
                tokio::time::timeout(DEADLINE, patiently(url)).await.unwrap_or_else(|_| Err(late()))
            })
        });
        fetched.join().map_err(|_| io::Error::other("it could not be fetched"))?
    })
}

/// Whether nobody on the way can read or exchange the bytes.
pub(super) fn check(url: &str) -> io::Result<()> {
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    let is_here =
        |host: &str| matches!(host.rsplit_once(':').map_or(host, |(name, _)| name), "localhost" | "127.0.0.1");
    match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) if !host(rest).is_empty() => Ok(()),
        (_, Some(rest)) if is_here(&host(rest)) => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no `https://` URL")),
    }
}

async fn patiently(url: &str) -> io::Result<Vec<u8>> {
    let mut tries = 0;
    loop {
        tries += 1;
        match follow(url).await {
            Err(e) if tries < TRIES && e.kind() == io::ErrorKind::ConnectionReset => {
                tokio::time::sleep(PAUSE * tries).await
            }
            ended => return ended,
        }
    }
}

/// What a failure is that may pass.
fn passing(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, why.into())
}

async fn follow(url: &str) -> io::Result<Vec<u8>> {
    let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
    let mut url = url.to_owned();
    for _ in 0..=MOST_REDIRECTIONS {
        let mut request =
            HttpRequest::get(&url).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))?;
        request.headers_mut().insert("user-agent", concat!("drctl/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert("accept", "*/*");
        let answer = connector.call(request).await.map_err(|e| passing(chain(&e)))?;
        match answer.status().as_u16() {
            200 => return body(ByteStream::new(answer.into_body())).await,
            301 | 302 | 303 | 307 | 308 => {
                let target = answer.headers().get("location").unwrap_or_default();
                url = joined(&url, target);
                check(&url).map_err(|_| {
                    io::Error::new(
                        io::ErrorKind::InvalidInput,
                        format!("it leads to `{url}`, which is no `https://` URL"),
                    )
                })?;
            }
            status @ (429 | 500..) => return Err(passing(format!("the server answers with status {status}"))),
            status => return Err(io::Error::other(format!("the server answers with status {status}"))),
        }
    }
    Err(io::Error::other(format!("it leads on more than {MOST_REDIRECTIONS} times")))
}

async fn body(mut stream: ByteStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|e| passing(chain(&e)))?);
        if bytes.len() as u64 > MOST_BYTES {
            return Err(io::Error::other(format!("it has more than {} MiB", MOST_BYTES / 1024 / 1024)));
        }
    }
    Ok(bytes)
}

/// A target as seen from the URL that named it.
fn joined(from: &str, target: &str) -> String {
    if target.contains("://") {
        return target.to_owned();
    }
    let start = from.find("://").map_or(0, |at| at + 3);
    let end = from[start..].find('/').map_or(from.len(), |at| start + at);
    match target.strip_prefix('/') {
        Some(path) => format!("{}/{path}", &from[..end]),
        None => format!(
            "{}/{target}",
            from.rsplit_once('/').filter(|(head, _)| head.len() >= end).map_or(&from[..end], |(head, _)| head)
        ),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}

#[cfg(test)]
pub(crate) mod testing {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    /// A server that gives each connection the next answer.
    pub(crate) fn serving(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        format!("http://{address}")
    }

    pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{answer, serving};
    use super::*;

    #[test]
    fn redirections_are_followed_and_failures_that_pass_are_waited_out() {
        let url = serving(vec![
            answer("503 Busy", "", "no"),
            answer("302 Found", "location: /elsewhere\r\n", ""),
            answer("200 OK", "", "the bytes"),
        ]);
        assert_eq!(fetch(&format!("{url}/here")).unwrap(), b"the bytes");
    }

    #[test]
    fn what_is_not_safe_or_not_there_is_refused() {
        let told = |url: &str| fetch(url).unwrap_err().to_string();
        for url in
            ["http://example.com/a", "ftp://example.com/a", "https://", "file:///etc/passwd", "http://localhost.evil/a"]
        {
            assert_eq!(told(url), "it is no `https://` URL", "{url}");
        }
        let gone = serving(vec![answer("404 Not Found", "", "")]);
        assert_eq!(told(&gone), "the server answers with status 404");
        let unsafe_one = serving(vec![answer("302 Found", "location: http://example.com/a\r\n", "")]);
        assert_eq!(told(&unsafe_one), "it leads to `http://example.com/a`, which is no `https://` URL");
        let circle: Vec<String> = (0..6).map(|_| answer("302 Found", "location: /a\r\n", "")).collect();
        assert_eq!(told(&serving(circle)), "it leads on more than 5 times");
    }

    #[test]
    fn targets_of_redirections_are_seen_from_where_they_were_named() {
        assert_eq!(joined("https://a.b/c/d", "https://x.y/z"), "https://x.y/z");
        assert_eq!(joined("https://a.b/c/d", "/z"), "https://a.b/z");
        assert_eq!(joined("https://a.b/c/d", "z"), "https://a.b/c/z");
        assert_eq!(joined("https://a.b", "z"), "https://a.b/z");
    }
}
