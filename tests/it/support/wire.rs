//! HTTP/1.1 as far as the SDK and the emulators use it, and refusals in the form of each of AWS's protocols.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;

use super::ask::Ask;

/// A request as it came.
pub struct Request {
    pub method: String,
    pub uri: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The next one of a connection, none when the client has closed it.
    pub fn read(from: &mut impl Read, reply: &mut impl Write) -> io::Result<Option<Self>> {
        let Some(head) = head(from)? else { return Ok(None) };
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, uri) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned()));
        let mut request = Self { method, uri, headers: headers.collect(), body: Vec::new() };
        if request.header("expect").is_some() {
            reply.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        match request.header("content-length").and_then(|n| n.parse().ok()) {
            Some(length) => {
                request.body.resize(length, 0);
                from.read_exact(&mut request.body)?;
            }
            None if request.header("transfer-encoding").is_some() => request.body = chunked(from)?,
            None => {}
        }
        Ok(Some(request))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn ask(&self) -> Ask {
        Ask::of(&self.method, &self.uri, |name| self.header(name), &self.body)
    }

    /// What a server answers to it, as it may be passed on: that the server closes is none of the client's
    /// business.
    pub fn forward(&self, server: &str) -> io::Result<Vec<u8>> {
        const OURS: [&str; 4] = ["connection", "content-length", "expect", "transfer-encoding"];
        let mut stream = TcpStream::connect(server)?;
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.uri);
        for (name, value) in self.headers.iter().filter(|(name, _)| !OURS.contains(&name.as_str())) {
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        head.extend(["connection: close\r\ncontent-length: ", &self.body.len().to_string(), "\r\n\r\n"]);
        stream.write_all(&[head.as_bytes(), &self.body].concat())?;
        self.answer(&mut BufReader::new(stream))
    }

    /// Reads an answer up to the end that it names, not until the server closes: one that has not read
    /// the whole request waits for the client to close first.
    fn answer(&self, from: &mut impl Read) -> io::Result<Vec<u8>> {
        let head = head(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (status, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
        let named = |line: &str, name: &str| line.to_lowercase().starts_with(name);
        let value = |name: &str| fields.split("\r\n").find(|line| named(line, name))?.split_once(": ").map(|(_, v)| v);
        let length = value("content-length:").and_then(|n| n.trim().parse::<usize>().ok());
        let mut body = Vec::new();
        match (self.method.as_str(), length) {
            ("HEAD", _) => {}
            (_, Some(length)) => {
                body.resize(length, 0);
                from.read_exact(&mut body)?;
            }
            _ if value("transfer-encoding:").is_some() => body = chunked(from)?,
            _ => drop(from.read_to_end(&mut body)?),
        }
        let length = if self.method == "HEAD" { length.unwrap_or(0) } else { body.len() };
        let ours = ["connection:", "content-length:", "transfer-encoding:"];
        let kept = fields.split("\r\n").filter(|line| !line.is_empty() && !ours.iter().any(|name| named(line, name)));
        let head: String = kept.map(|line| format!("{line}\r\n")).collect();
        Ok([format!("{status}\r\n{head}content-length: {length}\r\n\r\n").as_bytes(), &body].concat())
    }

    /// A refusal in the form of the protocol that the request speaks.
    pub fn refusal(&self, refusal: &Refusal) -> Vec<u8> {
        let Refusal { status, code, message } = refusal;
        let (kind, body) = match self.protocol() {
            Protocol::Ec2 => (
                "text/xml",
                format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>test</RequestID></Response>").into_bytes(),
            ),
            Protocol::Query => (
                "text/xml",
                format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>test</RequestId></ErrorResponse>").into_bytes(),
            ),
            Protocol::S3 => (
                "application/xml",
                format!("<Error><Code>{code}</Code><Message>{message}</Message><RequestId>test</RequestId></Error>").into_bytes(),
            ),
            Protocol::Json => ("application/x-amz-json-1.1", json(code, message)),
            Protocol::RestJson => ("application/json", json(code, message)),
            Protocol::Cbor => {
                let words = ["__type", code, "message", message];
                let texts = words.into_iter().flat_map(|word| [vec![0x78, word.len() as u8], word.as_bytes().to_vec()].concat());
                ("application/cbor", std::iter::once(0xa2).chain(texts).collect())
            }
        };
        let head = format!(
            "HTTP/1.1 {status} Refused\r\ncontent-type: {kind}\r\nx-amzn-errortype: {code}\r\n\
             smithy-protocol: rpc-v2-cbor\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    /// "Too many requests", in the words of the service.
    pub fn throttled(&self) -> Vec<u8> {
        let (status, code) = match self.protocol() {
            Protocol::Ec2 => (503, "RequestLimitExceeded"),
            Protocol::Query => (400, "Throttling"),
            Protocol::S3 => (503, "SlowDown"),
            Protocol::Json | Protocol::Cbor => (400, "ThrottlingException"),
            Protocol::RestJson => (429, "TooManyRequestsException"),
        };
        self.refusal(&Refusal { status, code, message: "Rate exceeded" })
    }

    /// "Something went wrong", in the words of the service.
    pub fn failed(&self) -> Vec<u8> {
        let code = match self.protocol() {
            Protocol::Ec2 | Protocol::S3 => "InternalError",
            Protocol::Query | Protocol::Json | Protocol::Cbor => "InternalFailure",
            Protocol::RestJson => "ServiceException",
        };
        self.refusal(&Refusal { status: 500, code, message: "An internal error occurred" })
    }

    fn protocol(&self) -> Protocol {
        let service = self.ask().service;
        match service.as_str() {
            "ec2" => Protocol::Ec2,
            "s3" => Protocol::S3,
            "autoscaling" | "elasticloadbalancing" | "iam" | "rds" | "sns" | "sts" | "route53" => Protocol::Query,
            _ if self.header("smithy-protocol").is_some() => Protocol::Cbor,
            _ if self.header("x-amz-target").is_some() => Protocol::Json,
            _ => Protocol::RestJson,
        }
    }
}

enum Protocol {
    Ec2,
    Query,
    S3,
    Json,
    RestJson,
    Cbor,
}

/// An answer that refuses.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: &'static str,
}

fn json(code: &str, message: &str) -> Vec<u8> {
    serde_json::json!({ "__type": code, "message": message }).to_string().into_bytes()
}

fn head(from: &mut impl Read) -> io::Result<Option<String>> {
    let text = until(from, b"\r\n\r\n")?;
    Ok((!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned()))
}

fn chunked(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = until(from, b"\r\n")?;
        let size = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
        let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
        let start = body.len();
        body.resize(start + size + 2, 0);
        from.read_exact(&mut body[start..])?;
        body.truncate(start + size);
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Reads up to and without `end`; nothing if the stream ends before.
fn until(from: &mut impl Read, end: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut byte = [0];
    while from.read(&mut byte)? == 1 {
        text.push(byte[0]);
        if text.ends_with(end) {
            text.truncate(text.len() - end.len());
            return Ok(text);
        }
    }
    Ok(Vec::new())
}
