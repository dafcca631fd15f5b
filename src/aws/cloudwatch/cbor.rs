//! Answers of CloudWatch, which speaks CBOR.

use serde_json::{Value as Json, json};

use crate::aws::wire::Reply;

pub(super) fn says(value: &Json) -> Reply {
    let mut body = Vec::new();
    encode(value, &mut body);
    Reply::Bytes(200, body)
}

pub(super) fn refuses(code: &str, message: &str) -> Reply {
    let mut body = Vec::new();
    encode(&json!({ "__type": code, "message": message }), &mut body);
    Reply::Bytes(400, body)
}

fn encode(value: &Json, out: &mut Vec<u8>) {
    let head = |major: u8, length: usize, out: &mut Vec<u8>| {
        out.push(major << 5 | 25);
        out.extend(u16::try_from(length).unwrap().to_be_bytes());
    };
    match value {
        Json::Null => out.push(0xf6),
        Json::Bool(b) => out.push(if *b { 0xf5 } else { 0xf4 }),
        Json::Number(n) => match n.as_u64() {
            Some(n) => head(0, usize::try_from(n).unwrap(), out),
            None => {
                out.push(0xfb);
                out.extend(n.as_f64().unwrap().to_be_bytes());
            }
        },
        Json::String(text) => {
            head(3, text.len(), out);
            out.extend(text.bytes());
        }
        Json::Array(items) => {
            head(4, items.len(), out);
            items.iter().for_each(|item| encode(item, out));
        }
        Json::Object(map) => {
            head(5, map.len(), out);
            for (key, value) in map {
                encode(&Json::String(key.clone()), out);
                encode(value, out);
            }
        }
    }
}
