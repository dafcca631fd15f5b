//! API Gateway and the certificates of its names: addresses that AWS makes up, and the proof of
//! whose a name is.

use crate::engine::error::Result;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::twin::naming;
use crate::twin::quirks::{Birth, Draft, PLAIN, Quirk};

const CERTIFICATE: &str = "aws:acm/certificate:Certificate";

pub(super) const QUIRKS: [Quirk; 3] = [
    Quirk { token: CERTIFICATE, admit: asked_for, ..PLAIN },
    Quirk { token: "aws:acm/certificateValidation:CertificateValidation", admit: issued, ..PLAIN },
    Quirk { token: "aws:apigateway/domainName:DomainName", admit: addressed, ..PLAIN },
];

/// A certificate names the records that prove whose its names are. They are the same for a name in
/// every region.
fn asked_for(draft: &Draft<'_>) -> Result<Birth> {
    let Some(first) = draft.text("domainName") else { return Ok(with("status", "ISSUED".into())) };
    let others = draft.inputs.get("subjectAlternativeNames").and_then(Value::as_list).unwrap_or_default();
    let mut others: Vec<&str> = others.iter().filter_map(Value::as_str).filter(|name| *name != first).collect();
    others.sort_unstable();
    others.dedup();
    let records = std::iter::once(first).chain(others).map(record).collect();
    Ok(Birth {
        outputs: vec![
            ("domainValidationOptions", Value::List(records)),
            ("status", "PENDING_VALIDATION".into()),
            ("type", "AMAZON_ISSUED".into()),
        ],
        ..Birth::default()
    })
}

/// A name and all names one step below it share a record.
fn record(name: &str) -> Value {
    let apex = name.strip_prefix("*.").unwrap_or(name);
    let digits = |purpose: &str| naming::hex(0, &format!("{purpose} {apex}"), 32);
    let parts = [
        ("domainName", name.to_owned()),
        ("resourceRecordName", format!("_{}.{apex}.", digits("name"))),
        ("resourceRecordType", "CNAME".to_owned()),
        ("resourceRecordValue", format!("_{}.{}.acm-validations.aws.", digits("value"), letters(&digits("zone")))),
    ];
    Value::Map(parts.into_iter().map(|(part, text)| (part.to_owned(), text.into())).collect::<Map>())
}

/// Ten letters for hex digits.
fn letters(digits: &str) -> String {
    let letter = |digit: u8| char::from(b'a' + digit % 26);
    digits.bytes().take(10).map(letter).collect()
}

/// The twin's DNS shows every record, so a certificate is issued when somebody waits for it.
fn issued(draft: &Draft<'_>) -> Result<Birth> {
    let elsewhere = draft.referred(CERTIFICATE).map(|(serial, _)| (serial, "status", "ISSUED".into()));
    Ok(Birth { elsewhere: elsewhere.into_iter().collect(), ..Birth::default() })
}

/// A name leads to an endpoint of its region, or to CloudFront.
fn addressed(draft: &Draft<'_>) -> Result<Birth> {
    let kind = draft.inputs.get("endpointConfiguration").and_then(|e| e.get("types")).and_then(Value::as_str);
    let regional = draft.inputs.contains_key("regionalCertificateArn");
    let kind = kind.unwrap_or(if regional { "REGIONAL" } else { "EDGE" });
    let Place(region) = draft.place;
    let name = draft.text("domainName").unwrap_or_default();
    let digits = naming::hex(draft.world.next(), name, 14);
    let none = || Value::Null;
    let (edge, local) = match kind {
        "EDGE" => (format!("d{digits}.cloudfront.net").into(), none()),
        "REGIONAL" => (none(), format!("d-{}.execute-api.{region}.amazonaws.com", &digits[..10]).into()),
        _ => (none(), none()),
    };
    let mut outputs = vec![("cloudfrontDomainName", edge), ("regionalDomainName", local)];
    if kind != "EDGE" {
        outputs.push(("cloudfrontZoneId", none()));
    }
    if kind != "REGIONAL" {
        outputs.push(("regionalZoneId", none()));
    }
    Ok(Birth { outputs, ..Birth::default() })
}

fn with(output: &'static str, value: Value) -> Birth {
    Birth { outputs: vec![(output, value)], ..Birth::default() }
}
